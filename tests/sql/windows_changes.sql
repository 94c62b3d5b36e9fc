-- Windows over rows that are taken back: a window fires once, with the rows that are left.
CREATE TABLE orders (id INT, shop STRING, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE)
WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,a,10,2024-11-11 00:00:01
+2,a,20,2024-11-11 00:00:02
+3,b,5,2024-11-11 00:00:03
+4,b,7,2024-11-11 00:00:12
-2,a,20,2024-11-11 00:00:02
+2,a,21,2024-11-11 00:00:02
-3,b,5,2024-11-11 00:00:03
+5,c,1,2024-11-11 00:00:05
+6,a,2,2024-11-11 00:00:25
-5,c,1,2024-11-11 00:00:05
+7,b,9,2024-11-11 00:00:18
');

SELECT window_start, window_end, shop, COUNT(*) AS n, SUM(amount) AS total, MAX(amount) AS hi, ARRAY_AGG(id) AS ids
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, shop;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, a, 2, 31, 21, [1, 2]]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:20, b, 2, 16, 9, [4, 7]]
--| +I[2024-11-11T00:00:20, 2024-11-11T00:00:30, a, 1, 2, 2, [6]]

SELECT window_start, window_end, SUM(amount) AS total, COUNT(DISTINCT shop) AS shops
FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '20' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-10T23:59:50, 2024-11-11T00:00:10, 31, 1]
--| +I[2024-11-11T00:00, 2024-11-11T00:00:20, 47, 2]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:30, 18, 2]
--| +I[2024-11-11T00:00:20, 2024-11-11T00:00:40, 2, 1]

SELECT window_start, window_end, MIN(amount) AS lo
FROM TABLE(CUMULATE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '30' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, 10]
--| +I[2024-11-11T00:00, 2024-11-11T00:00:20, 7]
--| +I[2024-11-11T00:00, 2024-11-11T00:00:30, 2]

-- A row that goes may part a session (without the rows of shop c there is nothing between 2 s and 12 s).
SELECT window_start, window_end, shop, SUM(amount) AS total, STRING_AGG(CAST(id AS STRING), ',') AS ids
FROM TABLE(SESSION(TABLE orders PARTITION BY shop, DESCRIPTOR(ts), INTERVAL '8' SECOND)) GROUP BY window_start, window_end, shop;
--| +I[2024-11-11T00:00:01, 2024-11-11T00:00:10, a, 31, 1,2]
--| +I[2024-11-11T00:00:12, 2024-11-11T00:00:26, b, 16, 4,7]
--| +I[2024-11-11T00:00:25, 2024-11-11T00:00:33, a, 2, 6]

SELECT SESSION_START(ts, INTERVAL '8' SECOND) AS s, SESSION_END(ts, INTERVAL '8' SECOND) AS e, COUNT(*) AS n FROM orders GROUP BY SESSION(ts, INTERVAL '8' SECOND);
--| +I[2024-11-11T00:00:01, 2024-11-11T00:00:10, 2]
--| +I[2024-11-11T00:00:12, 2024-11-11T00:00:33, 3]

-- Windows of a window's result.
SELECT window_start, window_end, MAX(total) AS best FROM (
  SELECT window_start, window_end, shop, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, shop)
GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, 31]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:20, 16]
--| +I[2024-11-11T00:00:20, 2024-11-11T00:00:30, 2]

-- The windows as columns.
SELECT id, window_start FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND)) WHERE amount > 8;
--| +I[1, 2024-11-11T00:00]
--| +I[2, 2024-11-11T00:00]
--| +I[7, 2024-11-11T00:00:10]

SELECT window_start, shop, GROUPING(shop) AS g, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, ROLLUP (shop);
--| +I[2024-11-11T00:00, a, 0, 3]
--| +I[2024-11-11T00:00, b, 0, 2]
--| +I[2024-11-11T00:00, null, 1, 5]
