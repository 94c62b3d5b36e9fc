-- Of rows with the same time deduplication keeps one, whichever order they come in.
CREATE TABLE t (k STRING, id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,2,2024-11-11 00:00:01
a,1,2024-11-11 00:00:01
a,3,2024-11-11 00:00:02
');

SELECT k, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS n FROM t) WHERE n = 1;
--| +I[a, 1]

SELECT k, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS n FROM t) WHERE n = 1;
--| +I[a, 3]
