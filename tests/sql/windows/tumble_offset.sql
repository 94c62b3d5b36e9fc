-- An offset moves all windows, a negative one backwards.
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:02
2,2024-11-11 00:00:03
3,2024-11-11 00:00:13
');

SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '3' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-10T23:59:53, 1]
--| +I[2024-11-11T00:00:03, 1]
--| +I[2024-11-11T00:00:13, 1]

SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '-7' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-10T23:59:53, 1]
--| +I[2024-11-11T00:00:03, 1]
--| +I[2024-11-11T00:00:13, 1]
