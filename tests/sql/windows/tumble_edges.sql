-- A window holds its start and not its end.
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:00
2,2024-11-11 00:00:09.999
3,2024-11-11 00:00:10
');

SELECT window_start, window_end, window_time, ARRAY_AGG(id) AS ids FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, window_time;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, 2024-11-11T00:00:09.999, [1, 2]]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:20, 2024-11-11T00:00:19.999, [3]]
