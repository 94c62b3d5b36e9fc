-- The first and the last row of each key, by event time and by processing time.
CREATE TABLE events (k STRING, v INT, ts TIMESTAMP(3), pt AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,1,2024-11-11 00:00:01
b,2,2024-11-11 00:00:02
a,3,2024-11-11 00:00:03
a,4,2024-11-11 00:00:00
b,5,2024-11-11 00:00:04
');

SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS rn FROM events) WHERE rn = 1;
--| +I[a, 4]
--| +I[b, 2]

SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS rn FROM events) WHERE rn = 1;
--| +I[a, 3]
--| +I[b, 5]

SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY pt) AS rn FROM events) WHERE rn = 1;
--| +I[a, 1]
--| +I[b, 2]

SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY pt DESC) AS rn FROM events) WHERE rn = 1;
--| +I[a, 4]
--| +I[b, 5]

SELECT k, v, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY PROCTIME()) AS rn FROM events) WHERE rn <= 2;
--| +I[a, 1, 1]
--| +I[a, 3, 2]
--| +I[b, 2, 1]
--| +I[b, 5, 2]

-- Once the first row by processing time is known it stays: nothing is ever taken back.
EXPLAIN SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY pt) AS rn FROM events) WHERE rn = 1;
--| Sink result (print) #4
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: k = k@0, v = v@1, pt = pt@2
--|       project: k = k@0, v = v@1
--|       project: k = k@0, v = v@1
--|       changelog: append-only
--|     Rank ROW_NUMBER = 1 by k #2
--|         exchange: by hash of k
--|         order: pt, then the first to come
--|         before the exchange: of each batch only rows that are first in it
--|         emits the changes within the range of every epoch
--|         state: the first row of each partition, kept for ever (warning: grows with the number of partitions; STATE_TTL bounds it)
--|         changelog: append-only
--|       Source events (inline) #0
--|           reads: k, v, ts
--|           computes: project: k = k@0, v = v@1, ts = ts@2, pt = proctime()
--|           project: k = k@0, v = v@1, pt = pt@3
--|           watermark: ts - 1000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS rn FROM events) WHERE rn = 1;
--| Sink result (print) #3
--|     changelog: retract, one row for each k
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #2
--|       project: k = k@0, v = v@1, ts = ts@2
--|       project: k = k@0, v = v@1
--|       project: k = k@0, v = v@1
--|       changelog: retract, one row for each k
--|     Rank ROW_NUMBER = 1 by k #1
--|         exchange: by hash of k
--|         order: ts DESC, then the other columns
--|         before the exchange: of each batch only rows that are first in it
--|         emits the changes within the range of every epoch
--|         state: the first row of each partition, kept for ever (warning: grows with the number of partitions; STATE_TTL bounds it)
--|         changelog: retract, one row for each k
--|       Source events (inline) #0
--|           reads: k, v, ts
--|           watermark: ts - 1000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT k, v, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM events) WHERE rn <= 10;
--| Sink result (print) #4
--|     changelog: retract, one row for each k, rn
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: k = k@0, v = v@1, row_number() PARTITION BY [events.k] ORDER BY [events.v DESC NULLS LAST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW = rank@2
--|       project: k = k@0, v = v@1, rn = row_number() PARTITION BY [events.k] ORDER BY [events.v DESC NULLS LAST] RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW@2
--|       changelog: retract, one row for each k, rn
--|     Rank ROW_NUMBER <= 10 by k #2
--|         exchange: by hash of k
--|         order: v DESC, then the other columns
--|         before the exchange: of each batch only rows that are among the first 10 in it
--|         emits the changes within the range of every epoch
--|         state: the first 10 of each partition, kept for ever (warning: grows with the number of partitions; STATE_TTL bounds it)
--|         changelog: retract, one row for each k, rank
--|       Source events (inline) #0
--|           reads: k, v, ts
--|           project: k = k@0, v = v@1
--|           watermark: ts - 1000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT k, v FROM events ORDER BY v NULLS LAST LIMIT 5;
--| Sink result (print) #4
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: k = k@0, v = v@1
--|       changelog: retract
--|     Rank ROW_NUMBER <= 5 #2
--|         exchange: to one worker
--|         order: v NULLS LAST, then the other columns
--|         before the exchange: of each batch only rows that are among the first 5 in it
--|         emits the changes within the range of every epoch
--|         state: bounded, the first 5
--|         changelog: retract
--|       Source events (inline) #0
--|           reads: k, v, ts
--|           project: k = k@0, v = v@1
--|           watermark: ts - 1000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only
