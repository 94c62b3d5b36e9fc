-- FIRST_VALUE takes the first row, IGNORE NULLS the first value.
SELECT id, FIRST_VALUE(x) OVER (ORDER BY id) AS f, FIRST_VALUE(x) IGNORE NULLS OVER (ORDER BY id) AS g, LAST_VALUE(x) IGNORE NULLS OVER (ORDER BY id) AS h FROM (VALUES (1, NULL), (2, 4), (3, NULL)) AS t(id, x);
--| +I[1, null, null, null]
--| +I[2, null, 4, 4]
--| +I[3, null, 4, 4]
