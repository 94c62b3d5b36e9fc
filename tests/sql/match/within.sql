-- WITHIN: a match that takes longer is none.
CREATE TABLE t (id INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,2024-11-11 00:00:01
2,b,2024-11-11 00:00:09
3,a,2024-11-11 00:00:20
4,b,2024-11-11 00:00:31
');

SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.id AS a, B.id AS b PATTERN (A B) WITHIN INTERVAL '10' SECOND DEFINE A AS A.k = 'a', B AS B.k = 'b') AS m;
--| +I[1, 2]
