-- A sum of decimals has the larger scale and one digit more.
SELECT CAST(1.5 AS DECIMAL(4, 1)) + CAST(0.25 AS DECIMAL(4, 2)) AS s, CAST(1.5 AS DECIMAL(4, 1)) - CAST(0.25 AS DECIMAL(4, 2)) AS d, TYPEOF(CAST(1.5 AS DECIMAL(4, 1)) + CAST(0.25 AS DECIMAL(4, 2))) AS t;
--| +I[1.75, 1.25, DECIMAL(6, 2) NOT NULL]
