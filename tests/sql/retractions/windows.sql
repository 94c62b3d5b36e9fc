-- What is taken back before its window closes does not count in it.
CREATE TABLE t (x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,2024-11-11 00:00:01
+2,2024-11-11 00:00:02
+4,2024-11-11 00:00:11
-1,2024-11-11 00:00:01
');

SELECT window_start, SUM(x) AS s, MIN(x) AS lo FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2, 2]
--| +I[2024-11-11T00:00:10, 4, 4]
