-- NULL is a key like others within a window.
CREATE TABLE t (k STRING, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
a,1,2024-11-11 00:00:01
-,2,2024-11-11 00:00:02
-,-,2024-11-11 00:00:03
');

SELECT window_start, k, COUNT(*) AS n, SUM(x) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, k;
--| +I[2024-11-11T00:00, a, 1, 1]
--| +I[2024-11-11T00:00, null, 2, 2]
