-- A division by zero that a condition keeps away does not fail.
SELECT CASE WHEN y <> 0 THEN 10 / y ELSE -1 END AS a, COALESCE(10 / NULLIF(y, 0), -1) AS b FROM (VALUES (0), (5)) AS t(y);
--| +I[-1, -1]
--| +I[2, 2]

SELECT 10 / y AS q FROM (VALUES (0), (5)) AS t(y) WHERE y <> 0;
--| +I[2]
