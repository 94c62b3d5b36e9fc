-- Partitions of rankings are forgotten so long after their last change; so are keys of deduplications. [time-passes]
CREATE TABLE t (id INT, k STRING, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,5,2024-11-11 00:00:01
2,a,9,2024-11-11 00:00:02
3,b,4,2024-11-11 00:00:02
@ 8 s
4,a,7,2024-11-11 00:00:03
@ 16 s
5,a,1,2024-11-11 00:00:04
6,b,2,2024-11-11 00:00:05
@ 60 s
7,a,3,2024-11-11 00:00:06
8,b,1,2024-11-11 00:00:07
');

SELECT id, k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS n FROM t) WHERE n <= 2;
--| +I[2, a, 9]
--| +I[3, b, 4]
--| +I[4, a, 7]
--| +I[6, b, 2]

SELECT /*+ STATE_TTL('t' = '10 s') */ id, k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS n FROM t) WHERE n <= 2;
--| +I[2, a, 9]
--| +I[3, b, 4]
--| +I[4, a, 7]
--| +I[6, b, 2]
--| +I[7, a, 3]
--| +I[8, b, 1]

SELECT /*+ STATE_TTL('t' = '10 s') */ id, k, v, n FROM (SELECT *, RANK() OVER (PARTITION BY k ORDER BY v DESC) AS n FROM t) WHERE n <= 1;
--| +I[2, a, 9, 1]
--| +I[3, b, 4, 1]
--| +I[5, a, 1, 1]
--| +I[6, b, 2, 1]
--| +I[7, a, 3, 1]
--| +I[8, b, 1, 1]

-- The first row of a key, again when it was forgotten.
SELECT /*+ STATE_TTL('t' = '10 s') */ id, k FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS n FROM t) WHERE n = 1;
--| +I[1, a]
--| +I[3, b]
--| +I[5, a]
--| +I[6, b]
--| +I[7, a]
--| +I[8, b]

-- The last row of a key: what a forgotten one was stays.
SELECT /*+ STATE_TTL('t' = '10 s') */ id, k FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS n FROM t) WHERE n = 1;
--| +I[3, b]
--| +I[5, a]
--| +I[6, b]
--| +I[7, a]
--| +I[8, b]

SELECT /*+ STATE_TTL('t' = '10 s') */ DISTINCT ON (k) k, id FROM t ORDER BY k, v;
--| +I[a, 1]
--| +I[a, 5]
--| +I[a, 7]
--| +I[b, 3]
--| +I[b, 6]
--| +I[b, 8]
