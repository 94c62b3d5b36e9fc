-- Matches are sought in each partition by itself, in the order of time, whatever the order of arrival.
CREATE TABLE t (k STRING, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,2,2024-11-11 00:00:02
b,1,2024-11-11 00:00:01
a,1,2024-11-11 00:00:01
b,5,2024-11-11 00:00:03
');

SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES A.x AS lo, B.x AS hi PATTERN (A B) DEFINE B AS B.x > A.x) AS m;
--| +I[a, 1, 2]
--| +I[b, 1, 5]
