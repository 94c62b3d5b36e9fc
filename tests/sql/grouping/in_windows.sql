-- Grouping sets within windows: totals of each window.
CREATE TABLE t (k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,2024-11-11 00:00:01
b,2024-11-11 00:00:02
a,2024-11-11 00:00:11
');

SELECT window_start, k, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, GROUPING SETS ((k), ());
--| +I[2024-11-11T00:00, a, 1]
--| +I[2024-11-11T00:00, b, 1]
--| +I[2024-11-11T00:00, null, 2]
--| +I[2024-11-11T00:00:10, a, 1]
--| +I[2024-11-11T00:00:10, null, 1]
