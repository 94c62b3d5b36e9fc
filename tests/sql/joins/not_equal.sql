-- A join without an equality tries every pair.
SELECT l.x, r.y FROM (VALUES (1), (5)) AS l(x) JOIN (VALUES (3), (5)) AS r(y) ON l.x < r.y;
--| +I[1, 3]
--| +I[1, 5]

SELECT l.x, r.y FROM (VALUES (1), (5)) AS l(x) LEFT JOIN (VALUES (3), (5)) AS r(y) ON l.x < r.y;
--| +I[1, 3]
--| +I[1, 5]
--| +I[5, null]
