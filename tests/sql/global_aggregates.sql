-- Without GROUP BY there is one row, even over nothing; with GROUP BY there is none.
CREATE TABLE nothing (a INT, b DOUBLE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
');
CREATE TABLE gone (a INT, b DOUBLE) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,2.5
-1,2.5
');

SELECT COUNT(*) AS n, SUM(a) AS s, MAX(b) AS m, ARRAY_AGG(a) AS l FROM nothing;
--| +I[0, null, null, null]

SELECT a, COUNT(*) AS n FROM nothing GROUP BY a;

SELECT COUNT(*) AS n, SUM(b) AS s, MIN(a) AS m, COUNT(DISTINCT a) AS d, STRING_AGG(CAST(a AS STRING), ',') AS l, BOOL_OR(a > 0) AS o FROM gone;
--| +I[0, null, null, 0, null, null]

SELECT a, COUNT(*) AS n FROM gone GROUP BY a;

SELECT COUNT(*) AS n FROM gone HAVING COUNT(*) > 0;

SELECT COUNT(*) AS n FROM (SELECT a, COUNT(*) FROM gone GROUP BY a);
--| +I[0]

-- Grouping sets over rows that are taken back, with and without the grouping id.
CREATE TABLE sales (shop STRING, item STRING, amount INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'retract', 'data' = '
+a,x,1
+a,y,2
+b,x,4
+-,x,8
-b,x,4
+b,y,16
-a,y,2
');

SELECT shop, item, SUM(amount) AS total FROM sales GROUP BY CUBE (shop, item);
--| +I[a, null, 1]
--| +I[a, x, 1]
--| +I[b, null, 16]
--| +I[b, y, 16]
--| +I[null, null, 25]
--| +I[null, null, 8]
--| +I[null, x, 8]
--| +I[null, x, 9]
--| +I[null, y, 16]

SELECT shop, SUM(amount) AS total, MAX(item) AS hi FROM sales GROUP BY ROLLUP (shop);
--| +I[a, 1, x]
--| +I[b, 16, y]
--| +I[null, 25, y]
--| +I[null, 8, x]

SELECT shop, GROUPING(shop) AS g, COUNT(DISTINCT item) AS kinds FROM sales GROUP BY GROUPING SETS ((shop), ());
--| +I[a, 0, 1]
--| +I[b, 0, 1]
--| +I[null, 0, 1]
--| +I[null, 1, 2]

SELECT SUM(amount) AS total FROM sales GROUP BY GROUPING SETS ((shop), (item));
--| +I[16]
--| +I[16]
--| +I[1]
--| +I[8]
--| +I[9]

-- The grand total of grouping sets is there as well, even over nothing.
SELECT a, COUNT(*) AS n, SUM(b) AS s FROM nothing GROUP BY ROLLUP (a);
--| +I[null, 0, null]

SELECT a, b, GROUPING(a) AS g, COUNT(*) AS n FROM gone GROUP BY GROUPING SETS ((a, b), (a), ());
--| +I[null, null, 1, 0]

SELECT a, b, COUNT(*) AS n FROM nothing GROUP BY CUBE (a, b);
--| +I[null, null, 0]

SELECT a, COUNT(*) AS n FROM nothing GROUP BY GROUPING SETS ((a), ()) HAVING COUNT(*) > 0;

-- A set without columns twice gives its row twice, a set with columns too.
SELECT shop, COUNT(*) AS n FROM sales GROUP BY GROUPING SETS ((), (shop), (), (shop));
--| +I[a, 1]
--| +I[a, 1]
--| +I[b, 1]
--| +I[b, 1]
--| +I[null, 1]
--| +I[null, 1]
--| +I[null, 3]
--| +I[null, 3]

-- Without an empty set nothing gives nothing.
SELECT a, b, COUNT(*) AS n FROM nothing GROUP BY GROUPING SETS ((a), (b));
