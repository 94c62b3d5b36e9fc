-- Each operator of a query has the lifetime of its own input: hints name tables or aliases; the setting holds for the others. [time-passes]
CREATE TABLE orders (id INT, k STRING, v INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,1
2,b,2
@ 15 s
3,a,4
@ 40 s
4,b,8
5,a,16
');

CREATE TABLE names (k STRING, name STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,ann
b,bob
@ 45 s
a,amy
');

-- Orders meet names for ever, names meet orders of the last ten seconds; sums over the join are kept for 30 seconds.
SET 'table.exec.state.ttl' = '30 s';

SELECT /*+ STATE_TTL('o' = '10 s', 'n' = '0 s') */ n.name, SUM(o.v) AS total FROM orders AS o JOIN names AS n ON o.k = n.k GROUP BY n.name;
--| +I[amy, 16]
--| +I[ann, 21]
--| +I[bob, 2]
--| +I[bob, 8]

SELECT n.name, t.total FROM (SELECT /*+ STATE_TTL('orders' = '20 s') */ k, SUM(v) AS total FROM orders GROUP BY k) AS t JOIN names AS n ON t.k = n.k;
--| +I[amy, 16]
--| +I[ann, 5]
--| +I[bob, 2]

EXPLAIN SELECT /*+ STATE_TTL('o' = '10 s', 'n' = '0 s') */ n.name, SUM(o.v) AS total FROM orders AS o JOIN names AS n ON o.k = n.k GROUP BY n.name;
--| Sink result (print) #6
--|     changelog: retract, one row for each name
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #5
--|       project: name = name@0, sum(o.v) = sum(o.v)@1
--|       project: name = name@0, total = sum(o.v)@1
--|       changelog: retract, one row for each name
--|     GroupAggregate by name #4
--|         computes: sum(o.v)
--|         exchange: by hash of name, after a local aggregation
--|         emits the changed groups of every epoch
--|         state: one entry per key, forgotten 30 s after its last change
--|         changelog: retract, one row for each name
--|       Map #3
--|           project: k = k@0, v = v@1, k = k@2, name = name@3
--|           project: v = v@1, name = name@3
--|           project: name = name@1, c1 = v@0
--|           changelog: append-only
--|         Join Inner #2
--|             on: (k) = (k)
--|             exchange: by hash of k and of k
--|             state: left rows forgotten 10 s after they came, right rows kept for ever (warning: grow with the input)
--|             changelog: append-only
--|           Source orders (inline) #0
--|               reads: k, v
--|               watermark: none
--|               bad records: counted and skipped
--|               changelog: append-only
--|           Source names (inline) #1
--|               reads: k, name
--|               watermark: none
--|               bad records: counted and skipped
--|               changelog: append-only
