-- OVER: window functions over rows that may change; every result is corrected when its frame changes.
CREATE TABLE sales (shop STRING, day INT, amount INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'retract', 'data' = '
+a,1,10
+a,3,30
+a,2,99
+b,1,5
+a,2,20
-a,2,99
+a,3,30
+b,2,-
+b,4,7
+c,1,1
-c,1,1
');

SELECT shop, day, amount, ROW_NUMBER() OVER (PARTITION BY shop ORDER BY day) AS n, RANK() OVER (PARTITION BY shop ORDER BY day) AS r, DENSE_RANK() OVER (PARTITION BY shop ORDER BY day DESC) AS d FROM sales;
--| +I[a, 1, 10, 1, 1, 3]
--| +I[a, 2, 20, 2, 2, 2]
--| +I[a, 3, 30, 3, 3, 1]
--| +I[a, 3, 30, 4, 3, 1]
--| +I[b, 1, 5, 1, 1, 3]
--| +I[b, 2, null, 2, 2, 2]
--| +I[b, 4, 7, 3, 3, 1]

SELECT shop, day, SUM(amount) OVER (PARTITION BY shop ORDER BY day) AS so_far, SUM(amount) OVER (PARTITION BY shop) AS total, COUNT(*) OVER () AS n FROM sales;
--| +I[a, 1, 10, 90, 7]
--| +I[a, 2, 30, 90, 7]
--| +I[a, 3, 90, 90, 7]
--| +I[a, 3, 90, 90, 7]
--| +I[b, 1, 5, 12, 7]
--| +I[b, 2, 5, 12, 7]
--| +I[b, 4, 12, 12, 7]

SELECT shop, day, SUM(amount) OVER (PARTITION BY shop ORDER BY day ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS near, MIN(amount) OVER (PARTITION BY shop ORDER BY day ROWS 1 PRECEDING) AS low FROM sales;
--| +I[a, 1, 30, 10]
--| +I[a, 2, 60, 10]
--| +I[a, 3, 60, 30]
--| +I[a, 3, 80, 20]
--| +I[b, 1, 5, 5]
--| +I[b, 2, 12, 5]
--| +I[b, 4, 7, 7]

SELECT shop, day, SUM(amount) OVER (PARTITION BY shop ORDER BY day RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS last_two_days FROM sales;
--| +I[a, 1, 10]
--| +I[a, 2, 30]
--| +I[a, 3, 80]
--| +I[a, 3, 80]
--| +I[b, 1, 5]
--| +I[b, 2, 5]
--| +I[b, 4, 7]

SELECT shop, day, LAG(amount) OVER (PARTITION BY shop ORDER BY day) AS before, LEAD(amount, 2, -1) OVER (PARTITION BY shop ORDER BY day) AS after FROM sales;
--| +I[a, 1, null, 30]
--| +I[a, 2, 10, 30]
--| +I[a, 3, 20, -1]
--| +I[a, 3, 30, -1]
--| +I[b, 1, null, 7]
--| +I[b, 2, 5, -1]
--| +I[b, 4, null, -1]

SELECT shop, day, FIRST_VALUE(amount) OVER (PARTITION BY shop ORDER BY day) AS f, LAST_VALUE(amount) OVER (PARTITION BY shop ORDER BY day ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS l, NTH_VALUE(amount, 2) OVER (PARTITION BY shop ORDER BY day) AS second FROM sales;
--| +I[a, 1, 10, 30, null]
--| +I[a, 2, 10, 30, 20]
--| +I[a, 3, 10, 30, 20]
--| +I[a, 3, 10, 30, 20]
--| +I[b, 1, 5, 7, null]
--| +I[b, 2, 5, 7, null]
--| +I[b, 4, 5, 7, null]

SELECT shop, day, NTILE(2) OVER (PARTITION BY shop ORDER BY day) AS half, PERCENT_RANK() OVER (PARTITION BY shop ORDER BY day) AS p, CUME_DIST() OVER (PARTITION BY shop ORDER BY day) AS c FROM sales;
--| +I[a, 1, 1, 0.0, 0.25]
--| +I[a, 2, 1, 0.3333333333333333, 0.5]
--| +I[a, 3, 2, 0.6666666666666666, 1.0]
--| +I[a, 3, 2, 0.6666666666666666, 1.0]
--| +I[b, 1, 1, 0.0, 0.3333333333333333]
--| +I[b, 2, 1, 0.5, 0.6666666666666666]
--| +I[b, 4, 2, 1.0, 1.0]

-- Aggregates that cannot take a value back compute each frame anew.
SELECT shop, day, COUNT(DISTINCT amount) OVER (PARTITION BY shop ORDER BY day ROWS 2 PRECEDING) AS kinds, SUM(CAST(amount AS DOUBLE)) OVER (PARTITION BY shop ORDER BY day ROWS 1 PRECEDING) AS s, COUNT(amount) FILTER (WHERE amount > 6) OVER (PARTITION BY shop ORDER BY day ROWS 1 PRECEDING) AS many FROM sales;
--| +I[a, 1, 1, 10.0, 1]
--| +I[a, 2, 2, 30.0, 2]
--| +I[a, 3, 2, 60.0, 2]
--| +I[a, 3, 3, 50.0, 2]
--| +I[b, 1, 1, 5.0, 0]
--| +I[b, 2, 1, 5.0, 0]
--| +I[b, 4, 2, 7.0, 1]

-- A filter that is not a mere limit on the rank.
SELECT shop, day, n FROM (SELECT shop, day, ROW_NUMBER() OVER (PARTITION BY shop ORDER BY day) AS n FROM sales) WHERE MOD(n, 2) = 1;
--| +I[a, 1, 1]
--| +I[a, 3, 3]
--| +I[b, 1, 1]
--| +I[b, 4, 3]

-- What is computed from the results.
SELECT n, COUNT(*) AS shops FROM (SELECT shop, COUNT(*) OVER (PARTITION BY shop) AS n FROM sales) GROUP BY n;
--| +I[3, 3]
--| +I[4, 4]

EXPLAIN SELECT shop, day, SUM(amount) OVER (PARTITION BY shop ORDER BY day) AS so_far FROM sales;
--| Sink result (print) #3
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #2
--|       project: shop = shop@0, day = day@1, amount = amount@2, sum(sales.amount) PARTITION BY [sales.shop] ORDER BY [sales.day ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW = over0@3
--|       project: shop = shop@0, day = day@1, so_far = sum(sales.amount) PARTITION BY [sales.shop] ORDER BY [sales.day ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW@3
--|       changelog: retract
--|     Over by shop #1
--|         exchange: by hash of shop
--|         computes: sum(sales.amount) PARTITION BY [sales.shop] ORDER BY [sales.day ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
--|         order: day, then the other columns
--|         emits the changed results of every epoch
--|         work: from each change on, until nothing differs
--|         state: all rows and their results, kept for ever (warning: grows with the input)
--|         changelog: retract
--|       Source sales (inline) #0
--|           reads: shop, day, amount
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: retract

EXPLAIN SELECT shop, LAG(amount) OVER (PARTITION BY shop ORDER BY day) AS before FROM sales;
--| Sink result (print) #3
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #2
--|       project: shop = shop@0, day = day@1, amount = amount@2, lag(sales.amount) PARTITION BY [sales.shop] ORDER BY [sales.day ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW = over0@3
--|       project: shop = shop@0, before = lag(sales.amount) PARTITION BY [sales.shop] ORDER BY [sales.day ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW@3
--|       changelog: retract
--|     Over by shop #1
--|         exchange: by hash of shop
--|         computes: lag(sales.amount) PARTITION BY [sales.shop] ORDER BY [sales.day ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
--|         order: day, then the other columns
--|         emits the changed results of every epoch
--|         work: the rows around each change
--|         state: all rows and their results, kept for ever (warning: grows with the input)
--|         changelog: retract
--|       Source sales (inline) #0
--|           reads: shop, day, amount
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: retract
