-- Bounds of windows are columns like others: filtered, computed with, joined.
CREATE TABLE t (x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:01
2,2024-11-11 00:00:12
3,2024-11-11 00:00:21
');

SELECT window_start, TIMESTAMPDIFF(SECOND, window_start, ts) AS into_, x FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) WHERE window_start >= TIMESTAMP '2024-11-11 00:00:10';
--| +I[2024-11-11T00:00:10, 2, 2]
--| +I[2024-11-11T00:00:20, 1, 3]
