-- A row that is taken back splits its session.
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,2024-11-11 00:00:00
+2,2024-11-11 00:00:04
+3,2024-11-11 00:00:08
-2,2024-11-11 00:00:04
');

SELECT SESSION_START(ts, INTERVAL '5' SECOND) AS s, SESSION_END(ts, INTERVAL '5' SECOND) AS e, COUNT(*) AS n FROM t GROUP BY SESSION(ts, INTERVAL '5' SECOND);
--| +I[2024-11-11T00:00, 2024-11-11T00:00:05, 1]
--| +I[2024-11-11T00:00:08, 2024-11-11T00:00:13, 1]
