-- Alternatives are tried from left to right.
CREATE TABLE t (id INT, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,1,2024-11-11 00:00:01
2,9,2024-11-11 00:00:02
3,1,2024-11-11 00:00:03
4,5,2024-11-11 00:00:04
');

SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.id AS a, CLASSIFIER() AS c, MATCH_NUMBER() AS n PATTERN (A (HIGH | MIDDLE)) DEFINE A AS A.x = 1, HIGH AS HIGH.x > 7, MIDDLE AS MIDDLE.x > 3) AS m;
--| +I[1, HIGH, 1]
--| +I[3, MIDDLE, 2]
