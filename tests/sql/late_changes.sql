-- Late retractions are late rows: the window that has fired stays as it is [fixed-epochs]
SET 'sloth.epoch.max-rows' = '1';
SET 'sloth.epoch.max-in-flight' = '1';
CREATE TABLE late_orders (id INT, ts TIMESTAMP(3)) WITH ('connector' = 'print');
CREATE TABLE orders (id INT, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'late-rows' = 'late_orders', 'data' = '
+1,1,2024-11-11 00:00:01
+2,2,2024-11-11 00:00:09
-2,2,2024-11-11 00:00:09
+2,4,2024-11-11 00:00:09
+3,8,2024-11-11 00:00:13
-1,1,2024-11-11 00:00:01
-3,8,2024-11-11 00:00:13
+4,16,2024-11-11 00:00:02
');

SELECT window_start, window_end, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, 5]

--| late_orders:
--| +I[1, 2024-11-11T00:00:01] taken back 1 times too often
--| +I[4, 2024-11-11T00:00:02]
--| late rows: 2
