-- A condition in ON that is unknown makes no pair; in WHERE it takes the padded row away.
SELECT l.id, r.v FROM (VALUES (1), (2)) AS l(id) LEFT JOIN (VALUES (1, CAST(NULL AS INT)), (2, 5)) AS r(id, v) ON l.id = r.id AND r.v > 1;
--| +I[1, null]
--| +I[2, 5]

SELECT l.id, r.v FROM (VALUES (1), (2)) AS l(id) LEFT JOIN (VALUES (1, CAST(NULL AS INT)), (2, 5)) AS r(id, v) ON l.id = r.id WHERE r.v > 1;
--| +I[2, 5]

SELECT l.id, r.v FROM (VALUES (1), (2)) AS l(id) LEFT JOIN (VALUES (1, CAST(NULL AS INT)), (2, 5)) AS r(id, v) ON l.id = r.id WHERE r.v IS NULL;
--| +I[1, null]
