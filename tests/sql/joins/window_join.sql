-- A window join joins rows of equal windows.
CREATE TABLE l (id INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,2024-11-11 00:00:01
2,a,2024-11-11 00:00:11
');
CREATE TABLE r (id INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
7,a,2024-11-11 00:00:09
8,b,2024-11-11 00:00:11
');

SELECT l.window_start, l.id, r.id AS other FROM (SELECT * FROM TABLE(TUMBLE(TABLE l, DESCRIPTOR(ts), INTERVAL '10' SECOND))) l LEFT JOIN (SELECT * FROM TABLE(TUMBLE(TABLE r, DESCRIPTOR(ts), INTERVAL '10' SECOND))) r ON l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end;
--| +I[2024-11-11T00:00, 1, 7]
--| +I[2024-11-11T00:00:10, 2, null]

SELECT id FROM (SELECT * FROM TABLE(TUMBLE(TABLE l, DESCRIPTOR(ts), INTERVAL '10' SECOND))) l WHERE NOT EXISTS (SELECT 1 FROM (SELECT * FROM TABLE(TUMBLE(TABLE r, DESCRIPTOR(ts), INTERVAL '10' SECOND))) r WHERE l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end);
--| +I[2]
