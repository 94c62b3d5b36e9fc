-- APPROX_COUNT_DISTINCT leaves NULL out and is exact for few values.
SELECT APPROX_COUNT_DISTINCT(x) AS n FROM (VALUES (1), (2), (2), (NULL)) AS t(x);
--| +I[2]
