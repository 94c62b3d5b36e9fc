-- A row between two sessions makes one of them, whenever it comes.
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:00
2,2024-11-11 00:00:08
3,2024-11-11 00:00:04
4,2024-11-11 00:00:20
');

SELECT SESSION_START(ts, INTERVAL '5' SECOND) AS s, SESSION_END(ts, INTERVAL '5' SECOND) AS e, COUNT(*) AS n, ARRAY_AGG(id ORDER BY id) AS ids FROM t GROUP BY SESSION(ts, INTERVAL '5' SECOND);
--| +I[2024-11-11T00:00, 2024-11-11T00:00:13, 3, [1, 2, 3]]
--| +I[2024-11-11T00:00:20, 2024-11-11T00:00:25, 1, [4]]
