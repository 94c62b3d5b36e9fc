-- OVER by event time under EMIT CHANGES and EMIT EVERY: told at once, corrected until the watermark has passed; the rows are the same in the end.
CREATE TABLE t (k STRING, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '10' SECOND) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,1,2024-11-11 00:00:01
b,2,2024-11-11 00:00:05
a,3,2024-11-11 00:00:03
a,4,2024-11-11 00:00:03
,9,2024-11-11 00:00:02
b,,2024-11-11 00:00:04
a,5,2024-11-11 00:00:20
b,6,2024-11-11 00:00:18
,7,2024-11-11 00:00:19
a,8,2024-11-11 00:00:12
b,1,2024-11-11 00:00:40
a,2,2024-11-11 00:00:31
');

SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ts) AS so_far, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS n FROM t;
--| +I[, 7, 16, 2]
--| +I[, 9, 9, 1]
--| +I[a, 1, 1, 1]
--| +I[a, 2, 23, 6]
--| +I[a, 3, 8, 2]
--| +I[a, 4, 8, 3]
--| +I[a, 5, 21, 5]
--| +I[a, 8, 16, 4]
--| +I[b, 1, 9, 4]
--| +I[b, 2, 2, 2]
--| +I[b, 6, 8, 3]
--| +I[b, null, null, 1]

SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ts) AS so_far, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS n FROM t EMIT CHANGES;
--| +I[, 7, 16, 2]
--| +I[, 9, 9, 1]
--| +I[a, 1, 1, 1]
--| +I[a, 2, 23, 6]
--| +I[a, 3, 8, 2]
--| +I[a, 4, 8, 3]
--| +I[a, 5, 21, 5]
--| +I[a, 8, 16, 4]
--| +I[b, 1, 9, 4]
--| +I[b, 2, 2, 2]
--| +I[b, 6, 8, 3]
--| +I[b, null, null, 1]

SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ts) AS so_far, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS n FROM t EMIT EVERY INTERVAL '1' SECOND;
--| +I[, 7, 16, 2]
--| +I[, 9, 9, 1]
--| +I[a, 1, 1, 1]
--| +I[a, 2, 23, 6]
--| +I[a, 3, 8, 2]
--| +I[a, 4, 8, 3]
--| +I[a, 5, 21, 5]
--| +I[a, 8, 16, 4]
--| +I[b, 1, 9, 4]
--| +I[b, 2, 2, 2]
--| +I[b, 6, 8, 3]
--| +I[b, null, null, 1]

-- Frames that forget their first rows behind the watermark.
SELECT k, v, COUNT(*) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '5' SECOND PRECEDING AND CURRENT ROW) AS lately, MAX(v) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS most, LAG(v) OVER (PARTITION BY k ORDER BY ts) AS before FROM t EMIT CHANGES;
--| +I[, 7, 1, 9, 9]
--| +I[, 9, 1, 9, null]
--| +I[a, 1, 1, 1, null]
--| +I[a, 2, 1, 8, 5]
--| +I[a, 3, 3, 3, 1]
--| +I[a, 4, 3, 4, 3]
--| +I[a, 5, 1, 8, 8]
--| +I[a, 8, 1, 8, 4]
--| +I[b, 1, 1, 6, 6]
--| +I[b, 2, 2, 2, null]
--| +I[b, 6, 1, 6, 2]
--| +I[b, null, 1, null, null]

SELECT v, SUM(v) OVER (ORDER BY ts) AS so_far, FIRST_VALUE(v) OVER (ORDER BY ts) AS first_v FROM t EMIT CHANGES;
--| +I[1, 1, 1]
--| +I[1, 48, 1]
--| +I[2, 19, 1]
--| +I[2, 47, 1]
--| +I[3, 17, 1]
--| +I[4, 17, 1]
--| +I[5, 45, 1]
--| +I[6, 33, 1]
--| +I[7, 40, 1]
--| +I[8, 27, 1]
--| +I[9, 10, 1]
--| +I[null, 17, 1]

-- A function that keeps all rows.
SELECT k, v, COUNT(DISTINCT v) OVER (PARTITION BY k ORDER BY ts) AS kinds FROM t EMIT CHANGES;
--| +I[, 7, 2]
--| +I[, 9, 1]
--| +I[a, 1, 1]
--| +I[a, 2, 6]
--| +I[a, 3, 3]
--| +I[a, 4, 3]
--| +I[a, 5, 5]
--| +I[a, 8, 4]
--| +I[b, 1, 3]
--| +I[b, 2, 1]
--| +I[b, 6, 2]
--| +I[b, null, 0]

-- Windows behind it follow its corrections.
SELECT window_start, MAX(so_far) AS most FROM TABLE(TUMBLE(TABLE (SELECT ts, SUM(v) OVER (PARTITION BY k ORDER BY ts) AS so_far FROM t), DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 9]
--| +I[2024-11-11T00:00:10, 16]
--| +I[2024-11-11T00:00:20, 21]
--| +I[2024-11-11T00:00:30, 23]
--| +I[2024-11-11T00:00:40, 9]

CREATE VIEW sums AS SELECT k, ts, SUM(v) OVER (PARTITION BY k ORDER BY ts) AS so_far FROM t;

SELECT window_start, MAX(so_far) AS most FROM TABLE(TUMBLE(TABLE sums, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end EMIT CHANGES;
--| +I[2024-11-11T00:00, 9]
--| +I[2024-11-11T00:00:10, 16]
--| +I[2024-11-11T00:00:20, 21]
--| +I[2024-11-11T00:00:30, 23]
--| +I[2024-11-11T00:00:40, 9]

SELECT k, COUNT(*) AS n, MAX(so_far) AS most FROM sums GROUP BY k EMIT CHANGES;
--| +I[, 2, 16]
--| +I[a, 6, 23]
--| +I[b, 4, 9]

-- Patterns need rows that stand: there OVER waits.
SELECT * FROM sums MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES A.so_far AS a, B.so_far AS b AFTER MATCH SKIP PAST LAST ROW PATTERN (A B) DEFINE B AS B.so_far > A.so_far + 5) AS m EMIT CHANGES;
--| +I[, 9, 16]
--| +I[a, 1, 8]
--| +I[a, 8, 16]
--| +I[b, 2, 8]

EXPLAIN SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ts) AS so_far, LAG(v, 2) OVER (PARTITION BY k ORDER BY ts) AS before FROM t EMIT CHANGES;
--| Sink result (print) #3
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #2
--|       project: k = k@0, v = v@1, ts = ts@2, sum(t.v) PARTITION BY [t.k] ORDER BY [t.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW = over0@3, lag(t.v,2) PARTITION BY [t.k] ORDER BY [t.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW = over1@4
--|       project: k = k@0, v = v@1, so_far = sum(t.v) PARTITION BY [t.k] ORDER BY [t.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW@3, before = lag(t.v,2) PARTITION BY [t.k] ORDER BY [t.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW@4
--|       changelog: retract
--|     Over by k #1
--|         exchange: by hash of k
--|         computes: sum(t.v) PARTITION BY [t.k] ORDER BY [t.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
--|         computes: lag(t.v,2) PARTITION BY [t.k] ORDER BY [t.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
--|         order: ts, then the other columns
--|         emits the changed results of every epoch; a row stands when it is passed by the watermark of t
--|         work: from each change on, until nothing differs
--|         state: rows the watermark has not passed with their results, and the last 2 of each partition, kept for ever (warning: grows with the number of partitions)
--|         changelog: retract
--|       Source t (inline) #0
--|           reads: k, v, ts
--|           watermark: ts - 10000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT k, COUNT(DISTINCT v) OVER (PARTITION BY k ORDER BY ts) AS kinds FROM t EMIT CHANGES;
--| Sink result (print) #3
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #2
--|       project: k = k@0, v = v@1, ts = ts@2, count(DISTINCT t.v) PARTITION BY [t.k] ORDER BY [t.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW = over0@3
--|       project: k = k@0, kinds = count(DISTINCT t.v) PARTITION BY [t.k] ORDER BY [t.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW@3
--|       changelog: retract
--|     Over by k #1
--|         exchange: by hash of k
--|         computes: count(DISTINCT t.v) PARTITION BY [t.k] ORDER BY [t.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
--|         order: ts, then the other columns
--|         emits the changed results of every epoch; a row stands when it is passed by the watermark of t
--|         work: the whole of each changed partition
--|         state: all rows, kept for ever (warning: grows with the input)
--|         changelog: retract
--|       Source t (inline) #0
--|           reads: k, v, ts
--|           watermark: ts - 10000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only
