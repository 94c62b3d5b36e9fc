-- OVER in the order of event time: each row is given out once, when the watermark has passed it.
CREATE TABLE ticks (k STRING, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,1,2024-11-11 00:00:01
a,3,2024-11-11 00:00:03
b,10,2024-11-11 00:00:02
a,2,2024-11-11 00:00:02
a,4,2024-11-11 00:00:03
b,20,2024-11-11 00:00:04
a,5,2024-11-11 00:00:07
');

SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ts) AS so_far FROM ticks;
--| +I[a, 1, 1]
--| +I[a, 2, 3]
--| +I[a, 3, 10]
--| +I[a, 4, 10]
--| +I[a, 5, 15]
--| +I[b, 10, 10]
--| +I[b, 20, 30]

SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS so_far, COUNT(*) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS n FROM ticks;
--| +I[a, 1, 1, 1]
--| +I[a, 2, 3, 2]
--| +I[a, 3, 6, 2]
--| +I[a, 4, 10, 2]
--| +I[a, 5, 15, 2]
--| +I[b, 10, 10, 1]
--| +I[b, 20, 30, 2]

SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '1' SECOND PRECEDING AND CURRENT ROW) AS last_second, MAX(v) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '2' SECOND PRECEDING AND CURRENT ROW) AS high FROM ticks;
--| +I[a, 1, 1, 1]
--| +I[a, 2, 3, 10]
--| +I[a, 3, 9, 10]
--| +I[a, 4, 9, 10]
--| +I[a, 5, 5, 5]
--| +I[b, 10, 10, 10]
--| +I[b, 20, 20, 20]

SELECT k, v, LAG(v) OVER (PARTITION BY k ORDER BY ts) AS before, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS n, RANK() OVER (PARTITION BY k ORDER BY ts) AS r, FIRST_VALUE(v) OVER (PARTITION BY k ORDER BY ts) AS f FROM ticks;
--| +I[a, 1, null, 1, 1, 1]
--| +I[a, 2, 1, 2, 2, 1]
--| +I[a, 3, 2, 3, 3, 1]
--| +I[a, 4, 3, 4, 3, 1]
--| +I[a, 5, 4, 5, 5, 1]
--| +I[b, 10, null, 1, 1, 10]
--| +I[b, 20, 10, 2, 2, 10]

SELECT k, v, SUM(v) OVER w AS s, COUNT(v) FILTER (WHERE v > 2) OVER w AS n FROM ticks WINDOW w AS (PARTITION BY k ORDER BY ts);
--| +I[a, 1, 1, 0]
--| +I[a, 2, 3, 0]
--| +I[a, 3, 10, 2]
--| +I[a, 4, 10, 2]
--| +I[a, 5, 15, 3]
--| +I[b, 10, 10, 1]
--| +I[b, 20, 30, 2]

-- A look ahead needs corrections.
SELECT k, v, LEAD(v) OVER (PARTITION BY k ORDER BY ts) AS after FROM ticks;
--| +I[a, 1, 2]
--| +I[a, 2, 3]
--| +I[a, 3, 4]
--| +I[a, 4, 5]
--| +I[a, 5, null]
--| +I[b, 10, 20]
--| +I[b, 20, null]

-- A window over the results.
SELECT window_end, SUM(so_far) AS s FROM TABLE(TUMBLE((SELECT ts, SUM(v) OVER (PARTITION BY k ORDER BY ts) AS so_far FROM ticks), DESCRIPTOR(ts), INTERVAL '4' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00:04, 34]
--| +I[2024-11-11T00:00:08, 45]

EXPLAIN SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY ts) AS so_far FROM ticks;
--| Sink result (print) #3
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #2
--|       project: k = k@0, v = v@1, ts = ts@2, sum(ticks.v) PARTITION BY [ticks.k] ORDER BY [ticks.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW = over0@3
--|       project: k = k@0, so_far = sum(ticks.v) PARTITION BY [ticks.k] ORDER BY [ticks.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW@3
--|       changelog: append-only
--|     Over by k #1
--|         exchange: by hash of k
--|         computes: sum(ticks.v) PARTITION BY [ticks.k] ORDER BY [ticks.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
--|         order: ts, then the other columns
--|         emits a row when the watermark passes it; watermark of ticks
--|         state: rows the watermark has not passed, and one entry per partition, kept for ever (warning: grows with the number of partitions)
--|         changelog: append-only
--|       Source ticks (inline) #0
--|           reads: k, v, ts
--|           watermark: ts - 5000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT k, SUM(v) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '1' SECOND PRECEDING AND CURRENT ROW) AS so_far, LAG(v, 3) OVER (PARTITION BY k ORDER BY ts) AS before FROM ticks;
--| Sink result (print) #3
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #2
--|       project: k = k@0, v = v@1, ts = ts@2, sum(ticks.v) PARTITION BY [ticks.k] ORDER BY [ticks.ts ASC NULLS FIRST] RANGE BETWEEN 1 SECOND PRECEDING AND CURRENT ROW = over0@3, lag(ticks.v,3) PARTITION BY [ticks.k] ORDER BY [ticks.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW = over1@4
--|       project: k = k@0, so_far = sum(ticks.v) PARTITION BY [ticks.k] ORDER BY [ticks.ts ASC NULLS FIRST] RANGE BETWEEN 1 SECOND PRECEDING AND CURRENT ROW@3, before = lag(ticks.v,3) PARTITION BY [ticks.k] ORDER BY [ticks.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW@4
--|       changelog: append-only
--|     Over by k #1
--|         exchange: by hash of k
--|         computes: sum(ticks.v) PARTITION BY [ticks.k] ORDER BY [ticks.ts ASC NULLS FIRST] RANGE BETWEEN IntervalMonthDayNano { months: 0, days: 0, nanoseconds: 1000000000 } PRECEDING AND CURRENT ROW
--|         computes: lag(ticks.v,3) PARTITION BY [ticks.k] ORDER BY [ticks.ts ASC NULLS FIRST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
--|         order: ts, then the other columns
--|         emits a row when the watermark passes it; watermark of ticks
--|         state: rows the watermark has not passed, and the last 3 of each partition and those of the last 1000 ms, kept for ever (warning: grows with the number of partitions)
--|         changelog: append-only
--|       Source ticks (inline) #0
--|           reads: k, v, ts
--|           watermark: ts - 5000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only
