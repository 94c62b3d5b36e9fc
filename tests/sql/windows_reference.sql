-- Windows, joins in time, OVER and MATCH_RECOGNIZE over two small streams.
CREATE TABLE o (id INT, k STRING, n INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '~', 'data' = '
1,a,10,2024-01-01 00:00:05
2,b,20,2024-01-01 00:00:10
3,a,30,2024-01-01 00:00:59.999
4,a,40,2024-01-01 00:01:00
5,~,50,2024-01-01 00:01:30
6,b,~,2024-01-01 00:02:10
7,a,70,2024-01-01 00:05:00
');
CREATE TABLE p (pid INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '~', 'data' = '
1,a,2024-01-01 00:00:06
2,b,2024-01-01 00:00:09
3,a,2024-01-01 00:01:10
4,~,2024-01-01 00:01:30
5,a,2024-01-01 00:05:00
');
CREATE TABLE ltz (id INT, ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,0
2,86399999
3,86400000
');

SELECT window_start, window_end, window_time, k, COUNT(*) AS c, SUM(n) AS s FROM TABLE(TUMBLE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, window_time, k;
--| +I[2024-01-01T00:00, 2024-01-01T00:01, 2024-01-01T00:00:59.999, a, 2, 40]
--| +I[2024-01-01T00:00, 2024-01-01T00:01, 2024-01-01T00:00:59.999, b, 1, 20]
--| +I[2024-01-01T00:01, 2024-01-01T00:02, 2024-01-01T00:01:59.999, a, 1, 40]
--| +I[2024-01-01T00:01, 2024-01-01T00:02, 2024-01-01T00:01:59.999, null, 1, 50]
--| +I[2024-01-01T00:02, 2024-01-01T00:03, 2024-01-01T00:02:59.999, b, 1, null]
--| +I[2024-01-01T00:05, 2024-01-01T00:06, 2024-01-01T00:05:59.999, a, 1, 70]

SELECT window_start, COUNT(*) AS c FROM TABLE(HOP(TABLE o, DESCRIPTOR(ts), INTERVAL '30' SECOND, INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;
--| +I[2023-12-31T23:59:30, 2]
--| +I[2024-01-01T00:00, 3]
--| +I[2024-01-01T00:00:30, 2]
--| +I[2024-01-01T00:01, 2]
--| +I[2024-01-01T00:01:30, 2]
--| +I[2024-01-01T00:02, 1]
--| +I[2024-01-01T00:04:30, 1]
--| +I[2024-01-01T00:05, 1]

SELECT window_start, window_end, COUNT(*) AS c FROM TABLE(CUMULATE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '3' MINUTE)) GROUP BY window_start, window_end;
--| +I[2024-01-01T00:00, 2024-01-01T00:01, 3]
--| +I[2024-01-01T00:00, 2024-01-01T00:02, 5]
--| +I[2024-01-01T00:00, 2024-01-01T00:03, 6]
--| +I[2024-01-01T00:03, 2024-01-01T00:06, 1]

SELECT window_start, window_end, k, COUNT(*) AS c FROM TABLE(SESSION(TABLE o PARTITION BY k, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, k;
--| +I[2024-01-01T00:00:05, 2024-01-01T00:02, a, 3]
--| +I[2024-01-01T00:00:10, 2024-01-01T00:01:10, b, 1]
--| +I[2024-01-01T00:01:30, 2024-01-01T00:02:30, null, 1]
--| +I[2024-01-01T00:02:10, 2024-01-01T00:03:10, b, 1]
--| +I[2024-01-01T00:05, 2024-01-01T00:06, a, 1]

SELECT SESSION_START(ts, INTERVAL '56' SECOND) AS s, SESSION_END(ts, INTERVAL '56' SECOND) AS e, SESSION_ROWTIME(ts, INTERVAL '56' SECOND) AS r, k, COUNT(*) AS c FROM o GROUP BY SESSION(ts, INTERVAL '56' SECOND), k;
--| +I[2024-01-01T00:00:05, 2024-01-01T00:01:56, 2024-01-01T00:01:55.999, a, 3]
--| +I[2024-01-01T00:00:10, 2024-01-01T00:01:06, 2024-01-01T00:01:05.999, b, 1]
--| +I[2024-01-01T00:01:30, 2024-01-01T00:02:26, 2024-01-01T00:02:25.999, null, 1]
--| +I[2024-01-01T00:02:10, 2024-01-01T00:03:06, 2024-01-01T00:03:05.999, b, 1]
--| +I[2024-01-01T00:05, 2024-01-01T00:05:56, 2024-01-01T00:05:55.999, a, 1]

SELECT window_start, window_end, id FROM TABLE(TUMBLE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '10' SECOND));
--| +I[2023-12-31T23:59:10, 2024-01-01T00:00:10, 1]
--| +I[2024-01-01T00:00:10, 2024-01-01T00:01:10, 2]
--| +I[2024-01-01T00:00:10, 2024-01-01T00:01:10, 3]
--| +I[2024-01-01T00:00:10, 2024-01-01T00:01:10, 4]
--| +I[2024-01-01T00:01:10, 2024-01-01T00:02:10, 5]
--| +I[2024-01-01T00:02:10, 2024-01-01T00:03:10, 6]
--| +I[2024-01-01T00:04:10, 2024-01-01T00:05:10, 7]

SELECT window_start, k, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY GROUPING SETS ((window_start, window_end, k), (window_start, window_end));
--| +I[2024-01-01T00:00, a, 2]
--| +I[2024-01-01T00:00, b, 1]
--| +I[2024-01-01T00:00, null, 3]
--| +I[2024-01-01T00:01, a, 1]
--| +I[2024-01-01T00:01, null, 1]
--| +I[2024-01-01T00:01, null, 2]
--| +I[2024-01-01T00:02, b, 1]
--| +I[2024-01-01T00:02, null, 1]
--| +I[2024-01-01T00:05, a, 1]
--| +I[2024-01-01T00:05, null, 1]

SELECT window_start, k, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, ROLLUP (k);
--| +I[2024-01-01T00:00, a, 2]
--| +I[2024-01-01T00:00, b, 1]
--| +I[2024-01-01T00:00, null, 3]
--| +I[2024-01-01T00:01, a, 1]
--| +I[2024-01-01T00:01, null, 1]
--| +I[2024-01-01T00:01, null, 2]
--| +I[2024-01-01T00:02, b, 1]
--| +I[2024-01-01T00:02, null, 1]
--| +I[2024-01-01T00:05, a, 1]
--| +I[2024-01-01T00:05, null, 1]

SELECT window_start, window_end, SUM(c) AS s FROM TABLE(TUMBLE((SELECT window_time AS wt, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, window_time), DESCRIPTOR(wt), INTERVAL '5' MINUTE)) GROUP BY window_start, window_end;
--| +I[2024-01-01T00:00, 2024-01-01T00:05, 6]
--| +I[2024-01-01T00:05, 2024-01-01T00:10, 1]

SELECT window_start, id, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY n DESC) AS r FROM TABLE(TUMBLE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE))) WHERE r <= 1;
--| +I[2024-01-01T00:00, 3, 30]
--| +I[2024-01-01T00:01, 5, 50]
--| +I[2024-01-01T00:02, 6, null]
--| +I[2024-01-01T00:05, 7, 70]

SELECT window_start, k, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, k ORDER BY ts DESC) AS r FROM TABLE(TUMBLE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE))) WHERE r = 1;
--| +I[2024-01-01T00:00, a, 3]
--| +I[2024-01-01T00:00, b, 2]
--| +I[2024-01-01T00:01, a, 4]
--| +I[2024-01-01T00:01, null, 5]
--| +I[2024-01-01T00:02, b, 6]
--| +I[2024-01-01T00:05, a, 7]

SELECT o.id, p.pid FROM o JOIN p ON o.k = p.k AND p.ts BETWEEN o.ts - INTERVAL '10' SECOND AND o.ts + INTERVAL '10' SECOND;
--| +I[1, 1]
--| +I[2, 2]
--| +I[4, 3]
--| +I[7, 5]

SELECT o.id, p.pid FROM o LEFT JOIN p ON o.k = p.k AND p.ts >= o.ts AND p.ts < o.ts + INTERVAL '10' SECOND;
--| +I[1, 1]
--| +I[2, null]
--| +I[3, null]
--| +I[4, null]
--| +I[5, null]
--| +I[6, null]
--| +I[7, 5]

SELECT o.id, p.pid FROM o FULL JOIN p ON o.k = p.k AND o.ts BETWEEN p.ts - INTERVAL '1' SECOND AND p.ts;
--| +I[1, 1]
--| +I[2, null]
--| +I[3, null]
--| +I[4, null]
--| +I[5, null]
--| +I[6, null]
--| +I[7, 5]
--| +I[null, 2]
--| +I[null, 3]
--| +I[null, 4]

SELECT o.id FROM o WHERE EXISTS (SELECT 1 FROM p WHERE p.k = o.k AND p.ts BETWEEN o.ts AND o.ts + INTERVAL '20' SECOND);
--| +I[1]
--| +I[3]
--| +I[4]
--| +I[7]

SELECT o.id, p.pid, o.window_start FROM (SELECT * FROM TABLE(TUMBLE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE))) o FULL JOIN (SELECT * FROM TABLE(TUMBLE(TABLE p, DESCRIPTOR(ts), INTERVAL '1' MINUTE))) p ON o.k = p.k AND o.window_start = p.window_start AND o.window_end = p.window_end;
--| +I[1, 1, 2024-01-01T00:00]
--| +I[2, 2, 2024-01-01T00:00]
--| +I[3, 1, 2024-01-01T00:00]
--| +I[4, 3, 2024-01-01T00:01]
--| +I[5, null, 2024-01-01T00:01]
--| +I[6, null, 2024-01-01T00:02]
--| +I[7, 5, 2024-01-01T00:05]
--| +I[null, 4, null]

SELECT o.id FROM (SELECT * FROM TABLE(TUMBLE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE))) o WHERE o.k NOT IN (SELECT k FROM (SELECT * FROM TABLE(TUMBLE(TABLE p, DESCRIPTOR(ts), INTERVAL '1' MINUTE))) p WHERE p.window_start = o.window_start AND p.window_end = o.window_end);
--| +I[6]

SELECT id, SUM(n) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW) AS s, COUNT(*) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS c FROM o;
--| +I[1, 10, 1]
--| +I[2, 20, 1]
--| +I[3, 40, 2]
--| +I[4, 80, 2]
--| +I[5, 50, 1]
--| +I[6, null, 2]
--| +I[7, 70, 2]

SELECT id, LAG(n, 1) OVER (PARTITION BY k ORDER BY ts) AS l, LAG(n, 2, -1) OVER (PARTITION BY k ORDER BY ts) AS l2, FIRST_VALUE(n) OVER (PARTITION BY k ORDER BY ts) AS f, LAST_VALUE(n) OVER (PARTITION BY k ORDER BY ts) AS la FROM o;
--| +I[1, null, -1, 10, 10]
--| +I[2, null, -1, 20, 20]
--| +I[3, 10, -1, 10, 30]
--| +I[4, 30, 10, 10, 40]
--| +I[5, null, -1, 50, 50]
--| +I[6, 20, -1, 20, null]
--| +I[7, 40, 30, 10, 70]

SELECT window_start, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE ltz, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end;
--| +I[1970-01-01T00:00, 2]
--| +I[1970-01-02T00:00, 1]

SELECT TUMBLE_START(ts, INTERVAL '1' DAY) AS s, COUNT(*) AS c FROM ltz GROUP BY TUMBLE(ts, INTERVAL '1' DAY);
--| +I[1970-01-01T00:00, 2]
--| +I[1970-01-02T00:00, 1]

SELECT HOP_START(ts, INTERVAL '1' MINUTE, INTERVAL '2' MINUTE) AS s, HOP_END(ts, INTERVAL '1' MINUTE, INTERVAL '2' MINUTE) AS e, COUNT(*) AS c FROM o GROUP BY HOP(ts, INTERVAL '1' MINUTE, INTERVAL '2' MINUTE) HAVING COUNT(*) > 1;
--| +I[2023-12-31T23:59, 2024-01-01T00:01, 3]
--| +I[2024-01-01T00:00, 2024-01-01T00:02, 5]
--| +I[2024-01-01T00:01, 2024-01-01T00:03, 3]

SELECT window_start, COUNT(DISTINCT k) AS d, STRING_AGG(k, ',') AS l, FIRST_VALUE(id) AS f, LAST_VALUE(id) AS la FROM TABLE(TUMBLE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;
--| +I[2024-01-01T00:00, 2, a,b,a, 1, 3]
--| +I[2024-01-01T00:01, 1, a, 4, 5]
--| +I[2024-01-01T00:02, 1, b, 6, 6]
--| +I[2024-01-01T00:05, 1, a, 7, 7]

SELECT window_start, SUM(n) OVER (ORDER BY window_time) AS so_far FROM (SELECT window_start, window_time, SUM(n) AS n FROM TABLE(TUMBLE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, window_time);
--| +I[2024-01-01T00:00, 60]
--| +I[2024-01-01T00:01, 150]
--| +I[2024-01-01T00:02, 150]
--| +I[2024-01-01T00:05, 220]

SELECT k, COUNT(*) AS c FROM o WHERE ts > TIMESTAMP '2024-01-01 00:01:00' GROUP BY k;
--| +I[a, 1]
--| +I[b, 1]
--| +I[null, 1]

SELECT a.window_start, a.c, b.c AS d FROM (SELECT window_start, window_end, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE o, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end) a JOIN (SELECT window_start, window_end, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE p, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end) b ON a.window_start = b.window_start AND a.window_end = b.window_end WHERE a.c > b.c;
--| +I[2024-01-01T00:00, 3, 2]

SELECT * FROM o MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES A.id AS a, LAST(B.id) AS b, COUNT(B.id) AS c ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (A B+) DEFINE B AS B.n > A.n) AS m;
--| +I[a, 1, 7, 3]

SELECT * FROM o MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES FIRST(A.id) AS a, LAST(A.id) AS b ONE ROW PER MATCH AFTER MATCH SKIP TO NEXT ROW PATTERN (A{2}) DEFINE A AS A.n IS NOT NULL) AS m;
--| +I[a, 1, 3]
--| +I[a, 3, 4]
--| +I[a, 4, 7]

SELECT id, n FROM o ORDER BY ts DESC LIMIT 2;
--| +I[6, null]
--| +I[7, 70]
