-- Both bounds of an interval join belong to it.
CREATE TABLE l (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:10
');
CREATE TABLE r (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:04.999
2,2024-11-11 00:00:05
3,2024-11-11 00:00:20
4,2024-11-11 00:00:20.001
');

SELECT l.id, r.id AS other FROM l JOIN r ON r.ts BETWEEN l.ts - INTERVAL '5' SECOND AND l.ts + INTERVAL '10' SECOND;
--| +I[1, 2]
--| +I[1, 3]
