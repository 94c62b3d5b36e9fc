-- A cast to a smaller scale rounds half up, away from zero.
SELECT CAST(1.005 AS DECIMAL(4, 2)) AS a, CAST(-1.005 AS DECIMAL(4, 2)) AS b, CAST(0.5 AS DECIMAL(3, 0)) AS c, CAST('2.345' AS DECIMAL(4, 2)) AS d;
--| +I[1.01, -1.01, 1, 2.35]
