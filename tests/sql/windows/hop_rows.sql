-- Without an aggregation a row comes once for each window that holds it.
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:07
');

SELECT id, window_start, window_end FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND));
--| +I[1, 2024-11-11T00:00, 2024-11-11T00:00:10]
--| +I[1, 2024-11-11T00:00:05, 2024-11-11T00:00:15]
