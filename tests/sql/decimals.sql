-- Decimals are exact; precision and scale follow the SQL standard as Flink has it.
SELECT 0.1 + 0.2 AS a, 0.1 * 0.2 AS b, 1.10 - 1.1 AS c;
--| +I[0.3, 0.02, 0.00]

SELECT CAST(12.345 AS DECIMAL(10, 2)) AS a, CAST(-12.345 AS DECIMAL(10, 2)) AS b, CAST('7.1' AS DECIMAL(5, 3)) AS c;
--| +I[12.35, -12.35, 7.100]

SELECT CAST(10 AS DECIMAL(10, 2)) / 3 AS a, 1.00 / 3 AS b;
--| +I[3.3333333333333, 0.3333333333333]

SELECT price * quantity AS total, price * 0.908 AS euro FROM (VALUES (CAST(19.99 AS DECIMAL(10, 2)), 3), (CAST(0.01 AS DECIMAL(10, 2)), 1000)) AS t(price, quantity);
--| +I[10.00, 0.00908]
--| +I[59.97, 18.15092]

SELECT SUM(x) AS a, AVG(x) AS b, MIN(x) AS c, MAX(x) AS d FROM (VALUES (CAST(0.10 AS DECIMAL(10, 2))), (CAST(0.20 AS DECIMAL(10, 2))), (CAST(0.40 AS DECIMAL(10, 2)))) AS t(x);
--| +I[0.70, 0.233333, 0.10, 0.40]

SELECT 0.1 = 0.10 AS a, 1.0 < 1.01 AS b, CAST(1.5 AS INT) AS c, CAST(1.5 AS DOUBLE) AS d;
--| +I[true, true, 1, 1.5]
