-- A row exactly a gap behind the last one still belongs to the session, as in Flink; one a millisecond later begins another.
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:00
2,2024-11-11 00:00:04.999
3,2024-11-11 00:00:09.999
4,2024-11-11 00:00:15
');

SELECT SESSION_START(ts, INTERVAL '5' SECOND) AS s, SESSION_END(ts, INTERVAL '5' SECOND) AS e, COUNT(*) AS n FROM t GROUP BY SESSION(ts, INTERVAL '5' SECOND);
--| +I[2024-11-11T00:00, 2024-11-11T00:00:14.999, 3]
--| +I[2024-11-11T00:00:15, 2024-11-11T00:00:20, 1]
