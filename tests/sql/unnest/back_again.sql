-- What was unnested can be put together again.
SELECT id, ARRAY_AGG(x ORDER BY x DESC) AS a, COUNT(*) AS n FROM (VALUES (1, ARRAY[1, 3, 2]), (2, ARRAY[5])) AS t(id, a) CROSS JOIN UNNEST(a) AS u(x) GROUP BY id;
--| +I[1, [3, 2, 1], 3]
--| +I[2, [5], 1]
