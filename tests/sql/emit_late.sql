-- Allowed lateness, one row an epoch: a watermark after every row [fixed-epochs]
SET 'sloth.epoch.max-rows' = '1';
SET 'sloth.epoch.max-in-flight' = '1';
CREATE TABLE late_orders (id INT, ts TIMESTAMP(3)) WITH ('connector' = 'print');
CREATE TABLE orders (id INT, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
WITH ('connector' = 'inline', 'format' = 'csv', 'late-rows' = 'late_orders', 'data' = '
1,1,2024-11-11 00:00:01
2,2,2024-11-11 00:00:11.998
3,4,2024-11-11 00:00:09
4,8,2024-11-11 00:00:11.999
5,16,2024-11-11 00:00:09
6,32,2024-11-11 00:00:16.999
7,64,2024-11-11 00:00:01
8,128,2024-11-11 00:00:14
');

-- The window to 10 s is closed by row 4 (watermark 9.999 s), corrected by row 5, and gone with row 6 (watermark 14.999 s):
-- row 7 is late.
SELECT window_start, window_end, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end EMIT ALLOW LATENESS INTERVAL '5' SECOND;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, 21]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:20, 170]

-- What is behind waits as long.
SELECT COUNT(*) AS n, SUM(total) AS total FROM (
  SELECT window_start, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
  GROUP BY window_start, window_end) EMIT ALLOW LATENESS INTERVAL '5' SECOND;
--| +I[2, 191]

--| late_orders:
--| +I[7, 2024-11-11T00:00:01]
--| late rows: 1
