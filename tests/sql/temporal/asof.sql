-- ASOF JOIN: the last row that is not later, NULL when there is none.
CREATE TABLE o (id INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,2024-11-11 00:00:04
2,a,2024-11-11 00:00:05
3,b,2024-11-11 00:00:06
');
CREATE TABLE p (k STRING, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,1,2024-11-11 00:00:01
a,2,2024-11-11 00:00:05
');

SELECT o.id, p.x FROM o ASOF JOIN p MATCH_CONDITION (o.ts >= p.ts) ON o.k = p.k;
--| +I[1, 1]
--| +I[2, 2]
--| +I[3, null]
