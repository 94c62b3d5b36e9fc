-- A quotient of decimals has at least six digits behind the point, rounded half up.
SELECT CAST(2 AS DECIMAL(4, 0)) / CAST(3 AS DECIMAL(4, 0)) AS a, CAST(-2 AS DECIMAL(4, 0)) / CAST(3 AS DECIMAL(4, 0)) AS b, CAST(1 AS DECIMAL(4, 2)) / CAST(8 AS DECIMAL(4, 2)) AS c;
--| +I[0.666667, -0.666667, 0.1250000]
