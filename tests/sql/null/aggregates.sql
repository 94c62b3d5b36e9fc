-- Aggregates leave NULL out; COUNT(*) counts rows.
SELECT COUNT(*) AS all_, COUNT(x) AS n, SUM(x) AS s, AVG(x) AS a, MIN(x) AS lo, MAX(x) AS hi, COUNT(DISTINCT x) AS d FROM (VALUES (1), (NULL), (4), (1), (NULL)) AS t(x);
--| +I[5, 3, 6, 2, 1, 4, 2]
