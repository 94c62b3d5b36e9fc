-- A window over the results of windows: their time is the last instant of each.
CREATE TABLE t (x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:01
2,2024-11-11 00:00:12
3,2024-11-11 00:00:21
');

SELECT window_start, SUM(s) AS total, COUNT(*) AS n FROM TABLE(TUMBLE((SELECT window_time AS wt, SUM(x) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, window_time), DESCRIPTOR(wt), INTERVAL '20' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 3, 2]
--| +I[2024-11-11T00:00:20, 3, 1]
