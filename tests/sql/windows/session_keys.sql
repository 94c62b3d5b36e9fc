-- Sessions of different keys do not touch each other.
CREATE TABLE t (k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,2024-11-11 00:00:00
b,2024-11-11 00:00:02
a,2024-11-11 00:00:06
b,2024-11-11 00:00:06
');

SELECT k, window_start, window_end, COUNT(*) AS n FROM TABLE(SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY k, window_start, window_end;
--| +I[a, 2024-11-11T00:00, 2024-11-11T00:00:05, 1]
--| +I[a, 2024-11-11T00:00:06, 2024-11-11T00:00:11, 1]
--| +I[b, 2024-11-11T00:00:02, 2024-11-11T00:00:11, 2]
