-- A window without rows has no result, one that has lost all its rows neither.
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,2024-11-11 00:00:00
+2,2024-11-11 00:00:30
+3,2024-11-11 00:00:15
-3,2024-11-11 00:00:15
');

SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 1]
--| +I[2024-11-11T00:00:30, 1]
