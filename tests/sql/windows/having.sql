-- HAVING decides when the window closes.
CREATE TABLE t (k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,2024-11-11 00:00:01
a,2024-11-11 00:00:02
b,2024-11-11 00:00:03
');

SELECT k, window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end HAVING COUNT(*) > 1;
--| +I[a, 2024-11-11T00:00, 2]
