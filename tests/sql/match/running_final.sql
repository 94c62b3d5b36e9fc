-- RUNNING and FINAL say as far as which row a measure goes; COUNT(A.*) counts the rows of a variable.
CREATE TABLE o (id INT, k STRING, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,a,10,2024-11-11 00:00:01
2,a,12,2024-11-11 00:00:02
3,a,9,2024-11-11 00:00:03
4,a,-,2024-11-11 00:00:04
5,a,15,2024-11-11 00:00:05
');

SELECT * FROM o MATCH_RECOGNIZE (
  PARTITION BY k ORDER BY ts
  MEASURES FINAL LAST(B.id) AS b, RUNNING FIRST(A.id) AS a, COUNT(B.*) AS n, COUNT(B.x) AS xs, COUNT(*) + FINAL SUM(B.x) AS s
  ONE ROW PER MATCH
  PATTERN (A B+ C)
  DEFINE B AS B.x < A.x OR B.x IS NULL
) AS m;
--| +I[a, 4, 2, 2, 1, 13]

SELECT id, b, n FROM o MATCH_RECOGNIZE (
  PARTITION BY k ORDER BY ts
  MEASURES RUNNING LAST(B.id) AS b, COUNT(B.*) AS n
  ALL ROWS PER MATCH
  PATTERN (A B+)
  DEFINE B AS B.x < A.x OR B.x IS NULL
) AS m;
--| +I[2, null, 0]
--| +I[3, 3, 1]
--| +I[4, 4, 2]

SELECT id, b FROM o MATCH_RECOGNIZE (
  PARTITION BY k ORDER BY ts
  MEASURES FINAL LAST(B.id) AS b
  ALL ROWS PER MATCH
  PATTERN (A B+)
  DEFINE B AS B.x < A.x
) AS m;
--| error: FINAL measures where all rows of a match are given
--|  --> running_final.sql:3:12
--|   |
--| 3 |   MEASURES FINAL LAST(B.id) AS b
--|   |            ^^^^^
--|   |
--|   = help: Leave FINAL out for the measure as far as each row, or write ONE ROW PER MATCH for that of the whole match.
