-- Division: whole numbers give whole numbers, cut towards zero; decimals have Flink's scale; DOUBLE can be infinite.
SELECT 7 / 2 AS a, -7 / 2 AS b, 7 / -2 AS c, 7 % 3 AS d, -7 % 3 AS e, 7 % -3 AS f;
--| +I[3, -3, -3, 1, -1, 1]

-- One DOUBLE or DECIMAL makes it exact or nearly so.
SELECT 7 / 2e0 AS a, CAST(7 AS DOUBLE) / 2 AS b, 1e0 / 3 AS c;
--| +I[3.5, 3.5, 0.3333333333333333]

-- DECIMAL(p1, s1) / DECIMAL(p2, s2): scale max(6, s1 + p2 + 1), rounded half up.
SELECT CAST(1 AS DECIMAL(10, 2)) / CAST(3 AS DECIMAL(10, 2)) AS third;
--| +I[0.3333333333333]

SELECT CAST(-2 AS DECIMAL(4, 0)) / CAST(3 AS DECIMAL(4, 0)) AS a;
--| +I[-0.666667]

-- Division of doubles by zero is infinite, or NaN; NaN equals itself, as in Postgres.
SELECT 1e0 / 0 AS a, -1e0 / 0 AS b, 0e0 / 0 = 0e0 / 0 AS c;
--| +I[Infinity, -Infinity, true]

-- NULLIF guards against a division by zero.
SELECT 10 / NULLIF(0, 0) AS a, COALESCE(10 / NULLIF(0, 0), -1) AS b;
--| +I[null, -1]

-- The share of a total: multiply before dividing, or divide decimals.
SELECT k, SUM(n) * 100 / 7 AS percent_cut, SUM(n) * 100.0 / 7 AS percent FROM (VALUES ('a', 3), ('b', 4)) AS t(k, n) GROUP BY k;
--| +I[a, 42, 42.857142857143]
--| +I[b, 57, 57.142857142857]
