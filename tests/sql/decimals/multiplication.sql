-- A product of decimals has the sum of the scales.
SELECT CAST(1.25 AS DECIMAL(4, 2)) * CAST(0.3 AS DECIMAL(4, 1)) AS p, TYPEOF(CAST(1.25 AS DECIMAL(4, 2)) * CAST(0.3 AS DECIMAL(4, 1))) AS t;
--| +I[0.375, DECIMAL(9, 3) NOT NULL]
