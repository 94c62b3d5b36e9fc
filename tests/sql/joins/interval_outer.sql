-- An outer interval join pads a row when no partner can come any more.
CREATE TABLE l (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:10
2,2024-11-11 00:01:00
');
CREATE TABLE r (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
7,2024-11-11 00:00:12
8,2024-11-11 00:02:00
');

SELECT l.id, r.id AS other FROM l FULL JOIN r ON r.ts BETWEEN l.ts AND l.ts + INTERVAL '5' SECOND;
--| +I[1, 7]
--| +I[2, null]
--| +I[null, 8]
