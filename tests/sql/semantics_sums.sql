-- Sums: exact, whatever the order, and what is taken back leaves no trace.
CREATE TABLE m (k STRING, x DOUBLE, n INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+a,1e100,1
+a,1,2
+a,-1e100,3
+b,0.1,2147483647
+b,0.2,1
+b,0.3,0
+c,1e300,1
-c,1e300,1
+c,0.5,1
');

-- 1e100 + 1 - 1e100 is 1; doubles added one after the other give 0.
SELECT k, SUM(x) AS s FROM m GROUP BY k;
--| +I[a, 1.0]
--| +I[b, 0.6]
--| +I[c, 0.5]

-- The sum of INT is INT and wraps, as in Flink: cast where that may happen.
SELECT SUM(n) AS wrapped, SUM(big) AS s FROM (SELECT n, CAST(n AS BIGINT) AS big FROM m WHERE k = 'b');
--| +I[-2147483648, 2147483648]

-- The average of whole numbers is a whole number, cut towards zero.
SELECT AVG(n) AS cut, AVG(d) AS a FROM (SELECT n, CAST(n AS DOUBLE) AS d FROM m WHERE k = 'a' AND n > 1);
--| +I[2, 2.5]

-- Over no rows a sum is NULL, a count 0.
SELECT SUM(x) AS s, COUNT(x) AS c FROM m WHERE k = 'z';
--| +I[null, 0]

-- When the last row of a group is taken back, the group is gone.
SELECT k, COUNT(*) AS n FROM (SELECT k FROM m WHERE x = 1e300) GROUP BY k;
