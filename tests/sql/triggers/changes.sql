-- EMIT CHANGES: windows are told as they fill, and are in the end what they are without.
CREATE TABLE t (k STRING, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,1,2024-11-11 00:00:01
b,2,2024-11-11 00:00:02
a,3,2024-11-11 00:00:11
');

SELECT window_start, k, SUM(x) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, k EMIT CHANGES;
--| +I[2024-11-11T00:00, a, 1]
--| +I[2024-11-11T00:00, b, 2]
--| +I[2024-11-11T00:00:10, a, 3]

SELECT window_start, k, SUM(x) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, k EMIT ON WINDOW CLOSE;
--| +I[2024-11-11T00:00, a, 1]
--| +I[2024-11-11T00:00, b, 2]
--| +I[2024-11-11T00:00:10, a, 3]
