-- A decimal keeps its zeros as text.
SELECT CAST(1.50 AS STRING) AS a, CAST(CAST(2 AS DECIMAL(5, 3)) AS STRING) AS b, CAST(-0.05 AS STRING) AS c;
--| +I[1.50, 2.000, -0.05]
