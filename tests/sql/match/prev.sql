-- PREV looks at the row before, of the match or not.
CREATE TABLE t (id INT, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,5,2024-11-11 00:00:01
2,3,2024-11-11 00:00:02
3,4,2024-11-11 00:00:03
4,6,2024-11-11 00:00:04
');

SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES FIRST(UP.id) AS f, LAST(UP.id) AS l PATTERN (UP+) DEFINE UP AS UP.x > PREV(UP.x)) AS m;
--| +I[3, 4]
