-- Decimals of different scales compare and group by value.
SELECT CAST(1.0 AS DECIMAL(3, 1)) = CAST(1.00 AS DECIMAL(5, 2)) AS eq, CAST(1.1 AS DECIMAL(3, 1)) > 1 AS gt;
--| +I[true, true]

SELECT x, COUNT(*) AS n FROM (VALUES (1.0), (1.00), (1.10)) AS t(x) GROUP BY x;
--| +I[1.00, 2]
--| +I[1.10, 1]
