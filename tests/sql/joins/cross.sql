-- CROSS JOIN: all pairs, none when a side is empty.
SELECT a, b FROM (VALUES (1), (2)) AS l(a) CROSS JOIN (VALUES ('x'), ('y')) AS r(b);
--| +I[1, x]
--| +I[1, y]
--| +I[2, x]
--| +I[2, y]

SELECT a, b FROM (VALUES (1), (2)) AS l(a) CROSS JOIN (SELECT b FROM (VALUES ('x')) AS r(b) WHERE b = 'z') AS e;
