-- The first rows of each window, of rows that are taken back: a window that has lost all its rows gives none.
CREATE TABLE orders (id INT, shop STRING, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE)
WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,a,10,2024-11-11 00:00:01
-1,a,10,2024-11-11 00:00:01
+2,a,20,2024-11-11 00:00:12
+3,a,30,2024-11-11 00:00:13
+4,b,5,2024-11-11 00:00:03
-4,b,5,2024-11-11 00:00:03
+4,b,6,2024-11-11 00:00:04
-3,a,30,2024-11-11 00:00:13
+5,a,15,2024-11-11 00:00:14
');

SELECT window_end, shop, id, amount FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, shop ORDER BY amount DESC) AS rn
  FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND)))
WHERE rn = 1;
--| +I[2024-11-11T00:00:10, b, 4, 6]
--| +I[2024-11-11T00:00:20, a, 2, 20]
