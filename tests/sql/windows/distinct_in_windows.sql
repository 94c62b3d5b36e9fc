-- DISTINCT aggregates count within each window of its own.
CREATE TABLE t (k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,2024-11-11 00:00:01
a,2024-11-11 00:00:02
a,2024-11-11 00:00:11
b,2024-11-11 00:00:12
');

SELECT window_start, COUNT(DISTINCT k) AS d, COUNT(*) AS n FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '20' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-10T23:59:50, 1, 2]
--| +I[2024-11-11T00:00, 2, 4]
--| +I[2024-11-11T00:00:10, 2, 2]
