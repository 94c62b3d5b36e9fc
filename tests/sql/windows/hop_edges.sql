-- A row is in size / slide windows, each with its start and without its end.
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:10
2,2024-11-11 00:00:14.999
');

SELECT window_start, window_end, COUNT(*) AS n FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '15' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:15, 2]
--| +I[2024-11-11T00:00:05, 2024-11-11T00:00:20, 2]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:25, 2]
