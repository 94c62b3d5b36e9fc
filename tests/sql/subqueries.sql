-- Subqueries as values and conditions, by SQL's three-valued logic.
CREATE TABLE t (id INT, x INT, g STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,1,a
2,2,a
3,-,b
4,4,b
');

CREATE TABLE s (y INT, g STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,a
1,b
7,b
');

CREATE TABLE sn (y INT, g STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,a
-,b
');

CREATE TABLE nothing (y INT, g STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,a
-1,a
');

-- A NULL on the left is neither in nor not in, unless there is nothing to compare with.
SELECT id FROM t WHERE x NOT IN (SELECT y FROM s);
--| +I[2]
--| +I[4]

SELECT id FROM t WHERE x NOT IN (SELECT y FROM sn);

SELECT id FROM t WHERE x NOT IN (SELECT y FROM nothing);
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[4]

SELECT id FROM t WHERE x NOT IN (SELECT y FROM sn WHERE sn.g = t.g);
--| +I[2]

SELECT id FROM t WHERE NOT (x IN (SELECT y FROM s));
--| +I[2]
--| +I[4]

SELECT id, x IN (SELECT y FROM s) AS i, x IN (SELECT y FROM sn) AS n, x NOT IN (SELECT y FROM sn) AS o, x IN (SELECT y FROM nothing) AS e FROM t;
--| +I[1, true, true, false, false]
--| +I[2, false, null, null, false]
--| +I[3, null, null, null, false]
--| +I[4, false, null, null, false]

SELECT id FROM t WHERE id = 4 OR x IN (SELECT y FROM s);
--| +I[1]
--| +I[4]

SELECT id FROM t WHERE id = 3 OR EXISTS (SELECT 1 FROM s WHERE s.y = t.x);
--| +I[1]
--| +I[3]

SELECT id, EXISTS (SELECT 1 FROM s WHERE s.g = t.g AND s.y > t.id) AS more FROM t;
--| +I[1, false]
--| +I[2, false]
--| +I[3, true]
--| +I[4, true]

SELECT id FROM t WHERE x > ALL (SELECT y FROM s WHERE y < 3);
--| +I[2]
--| +I[4]

SELECT id FROM t WHERE x > ANY (SELECT y FROM sn);
--| +I[2]
--| +I[4]

SELECT id, x < ALL (SELECT y FROM sn) AS l, x <> ALL (SELECT y FROM sn) AS n, x = ANY (SELECT y FROM s) AS a FROM t;
--| +I[1, false, false, true]
--| +I[2, false, null, false]
--| +I[3, null, null, null]
--| +I[4, false, null, false]

-- One value for all rows.
SELECT id FROM t WHERE x > (SELECT AVG(y) - 1 FROM s);
--| +I[4]

SELECT id, (SELECT MAX(y) FROM s) AS m, x - (SELECT MIN(y) FROM s) AS d FROM t;
--| +I[1, 7, 0]
--| +I[2, 7, 1]
--| +I[3, 7, null]
--| +I[4, 7, 3]

SELECT id, (SELECT y FROM s WHERE y > 5) AS only FROM t;
--| +I[1, 7]
--| +I[2, 7]
--| +I[3, 7]
--| +I[4, 7]

SELECT id, (SELECT y FROM nothing) AS none FROM t;
--| +I[1, null]
--| +I[2, null]
--| +I[3, null]
--| +I[4, null]

SELECT g, SUM(x) AS total FROM t GROUP BY g HAVING SUM(x) > (SELECT AVG(x) FROM t);
--| +I[a, 3]
--| +I[b, 4]

-- One value for each row.
SELECT id, (SELECT COUNT(*) FROM s WHERE s.g = t.g) AS n, (SELECT SUM(y) FROM s WHERE s.g = t.g) AS total FROM t;
--| +I[1, 1, 1]
--| +I[2, 1, 1]
--| +I[3, 2, 8]
--| +I[4, 2, 8]

SELECT id FROM t WHERE x > (SELECT AVG(y) FROM s WHERE s.g = t.g);
--| +I[2]

EXPLAIN SELECT id FROM t WHERE x NOT IN (SELECT y FROM s);
--| Sink result (print) #10
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #9
--|       project: id = id@0, x = x@1
--|       project: id = id@0
--|       changelog: retract
--|     Join LeftAnti #8
--|         on: ($left2) = ($right0)
--|         exchange: left rows spread, right rows to every worker
--|         state: the rows of the left side and the keys of the right, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|         changelog: retract
--|       Map #6
--|           project: id = id@0, x = x@1
--|           project: id = id@0, x = x@1, $left2 = CASE WHEN x@1 IS NULL THEN true END
--|           changelog: retract
--|         Join LeftAnti #5
--|             on: whether the other side has a row at all
--|             exchange: left rows spread, right rows to every worker
--|             state: the rows of the left side and the keys of the right, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|             changelog: retract
--|           Map #3
--|               project: id = id@0, x = x@1
--|               changelog: retract
--|             Join LeftAnti #2
--|                 on: (x) = (y)
--|                 exchange: by hash of x and of y
--|                 state: the rows of the left side and the keys of the right, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|                 changelog: retract
--|               Source t (inline) #0
--|                   reads: id, x
--|                   watermark: none
--|                   bad records: counted and skipped
--|                   changelog: append-only
--|               Source s (inline) #1
--|                   reads: y
--|                   watermark: none
--|                   bad records: counted and skipped
--|                   changelog: append-only
--|           Map #4
--|               filter: y@0 IS NULL
--|               project:
--|               changelog: append-only
--|             #1 (see above)
--|       Map #7
--|           project:
--|           project: $right0 = true
--|           changelog: append-only
--|         #1 (see above)

EXPLAIN SELECT id FROM t WHERE x > (SELECT AVG(y) FROM s);
--| Sink result (print) #7
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #6
--|       project: id = id@0, x = x@1, EXPR$0 = EXPR$0@2
--|       project: id = id@0
--|       changelog: retract
--|     Join Inner #5
--|         on: every row with the single row of the other side
--|         and: x@1 > EXPR$0@2
--|         exchange: left rows spread, right rows to every worker
--|         state: the rows of both sides, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|         changelog: retract
--|       Source t (inline) #0
--|           reads: id, x
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only
--|       Map #4
--|           project: avg(s.y) = avg(s.y)@0
--|           project: EXPR$0 = avg(s.y)@0
--|           changelog: retract, a single row
--|         GroupAggregate #3
--|             computes: avg(s.y)
--|             exchange: to one worker, after a local aggregation
--|             emits the changed groups of every epoch
--|             state: one group
--|             changelog: retract, a single row
--|           Source s (inline) #1
--|               reads: y
--|               project: c0 = y@0
--|               watermark: none
--|               bad records: counted and skipped
--|               changelog: append-only
