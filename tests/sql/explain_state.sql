-- EXPLAIN says what an aggregation keeps besides one entry for each group: its different values, or its rows.
CREATE TABLE t (id INT, k STRING, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '1,a,10');
CREATE TABLE c (id INT, k STRING, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '+1,a,10');

EXPLAIN SELECT SUM(x) AS s, MAX(x) AS m FROM t;
--| Sink result (print) #4
--|     changelog: retract, a single row
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: sum(t.x) = sum(t.x)@0, max(t.x) = max(t.x)@1
--|       project: s = sum(t.x)@0, m = max(t.x)@1
--|       changelog: retract, a single row
--|     GroupAggregate #2
--|         computes: sum(t.x), max(t.x)
--|         exchange: to one worker, after a local aggregation
--|         emits the changed groups of every epoch
--|         state: one group
--|         changelog: retract, a single row
--|       Source t (inline) #0
--|           reads: x
--|           project: c0 = x@0
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT COUNT(DISTINCT x) AS n FROM t;
--| Sink result (print) #4
--|     changelog: retract, a single row
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: count(DISTINCT t.x) = count(DISTINCT t.x)@0
--|       project: n = count(DISTINCT t.x)@0
--|       changelog: retract, a single row
--|     GroupAggregate #2
--|         computes: count(DISTINCT t.x)
--|         exchange: to one worker, after a local aggregation
--|         emits the changed groups of every epoch
--|         state: one group with its different values, kept for ever (warning: grows with the input)
--|         changelog: retract, a single row
--|       Source t (inline) #0
--|           reads: x
--|           project: c0 = x@0
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT k, STRING_AGG(k, ',') AS l FROM t GROUP BY k;
--| Sink result (print) #4
--|     changelog: retract, one row for each k
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: k = k@0, string_agg(t.k,',') = string_agg(t.k,',')@1
--|       project: k = k@0, l = string_agg(t.k,',')@1
--|       changelog: retract, one row for each k
--|     GroupAggregate by k #2
--|         computes: string_agg(t.k, ',')
--|         exchange: by hash of k
--|         emits the changed groups of every epoch
--|         state: one entry per key with its rows, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|         changelog: retract, one row for each k
--|       Source t (inline) #0
--|           reads: k
--|           project: k = k@0, c1 = ,
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT k, MAX(x) AS m FROM c GROUP BY k;
--| Sink result (print) #4
--|     changelog: retract, one row for each k
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: k = k@0, max(c.x) = max(c.x)@1
--|       project: k = k@0, m = max(c.x)@1
--|       changelog: retract, one row for each k
--|     GroupAggregate by k #2
--|         computes: max(c.x)
--|         exchange: by hash of k
--|         emits the changed groups of every epoch
--|         state: one entry per key with its different values, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|         changelog: retract, one row for each k
--|       Source c (inline) #0
--|           reads: k, x
--|           project: k = k@0, c1 = x@1
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: retract

EXPLAIN SELECT /*+ STATE_TTL('c' = '1 h') */ k, FIRST_VALUE(x) AS m FROM c GROUP BY k;
--| Sink result (print) #4
--|     changelog: retract, one row for each k
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: k = k@0, first_value(c.x) = first_value(c.x)@1
--|       project: k = k@0, m = first_value(c.x)@1
--|       changelog: retract, one row for each k
--|     GroupAggregate by k #2
--|         computes: first_value(c.x)
--|         exchange: by hash of k
--|         emits the changed groups of every epoch
--|         state: one entry per key with its rows, forgotten 1 h after its last change
--|         changelog: retract, one row for each k
--|       Source c (inline) #0
--|           reads: k, x
--|           project: k = k@0, c1 = x@1
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: retract
