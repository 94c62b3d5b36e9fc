-- ALL ROWS PER MATCH gives each row with the measures as far as it.
CREATE TABLE t (id INT, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,1,2024-11-11 00:00:01
2,2,2024-11-11 00:00:02
3,3,2024-11-11 00:00:03
');

SELECT id, c, s FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES CLASSIFIER() AS c, SUM(x) AS s ALL ROWS PER MATCH PATTERN (A B+) DEFINE B AS B.x > A.x) AS m;
--| +I[1, A, 1]
--| +I[2, B, 3]
--| +I[3, B, 6]
