-- A greedy quantifier takes as many rows as it can, a reluctant one as few.
CREATE TABLE t (id INT, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,1,2024-11-11 00:00:01
2,5,2024-11-11 00:00:02
3,6,2024-11-11 00:00:03
4,7,2024-11-11 00:00:04
5,1,2024-11-11 00:00:05
');

SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES FIRST(B.id) AS f, LAST(B.id) AS l, C.id AS c PATTERN (A B+ C) DEFINE A AS A.x < 5, B AS B.x >= 5) AS m;
--| +I[2, 4, 5]

SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.id AS a, C.id AS c, COUNT(B.id) AS n PATTERN (A B*? C) DEFINE A AS A.x < 5, B AS B.x >= 5, C AS C.x >= 6) AS m;
--| +I[1, 3, 1]
