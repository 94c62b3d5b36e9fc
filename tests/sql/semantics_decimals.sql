-- DECIMAL: exact to the declared digits.
-- Adding needs one digit more.
SELECT TYPEOF(x + y) AS t, x + y AS s FROM (VALUES (CAST(99.99 AS DECIMAL(4, 2)), CAST(0.1 AS DECIMAL(7, 1)))) AS t(x, y);
--| +I[DECIMAL(9, 2), 100.09]

-- 0.1 + 0.2 is 0.3, which it is not for doubles.
SELECT 0.1 + 0.2 = 0.3 AS decimal_right, 0.1e0 + 0.2e0 = 0.3e0 AS double_right;
--| +I[true, false]

-- A cast rounds half away from zero.
SELECT CAST(2.345 AS DECIMAL(5, 2)) AS a, CAST(-2.345 AS DECIMAL(5, 2)) AS b, CAST(2.344999 AS DECIMAL(5, 2)) AS c;
--| +I[2.35, -2.35, 2.34]

-- To whole numbers a cast cuts.
SELECT CAST(2.9 AS INT) AS a, CAST(-2.9 AS INT) AS b, ROUND(2.5) AS c, ROUND(-2.5) AS d, ROUND(1.005, 2) AS e;
--| +I[2, -2, 3, -3, 1.01]

-- Sums keep the scale and have all 38 digits; the average has at least six behind the point.
SELECT SUM(x) AS s, TYPEOF(SUM(x)) AS st, AVG(x) AS a, TYPEOF(AVG(x)) AS at FROM (VALUES (CAST(0.01 AS DECIMAL(4, 2))), (CAST(0.02 AS DECIMAL(4, 2))), (CAST(0.02 AS DECIMAL(4, 2)))) AS t(x);
--| +I[0.05, DECIMAL(38, 2), 0.016667, DECIMAL(38, 6)]

-- Comparing decimals of different scales compares the numbers.
SELECT CAST(1.5 AS DECIMAL(3, 1)) = CAST(1.500 AS DECIMAL(10, 3)) AS a, CAST(1.5 AS DECIMAL(3, 1)) < 2 AS b;
--| +I[true, true]

-- Trailing zeros are part of the type, not of the number: groups do not tell them apart.
SELECT x, COUNT(*) AS n FROM (SELECT CAST(1.5 AS DECIMAL(10, 3)) AS x UNION ALL SELECT CAST(1.500 AS DECIMAL(10, 3))) GROUP BY x;
--| +I[1.500, 2]
