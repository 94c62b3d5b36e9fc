-- Set operations, with ALL and without, of inputs that change. NULL equals NULL.
CREATE TABLE a (x INT, s STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'retract', 'data' = '
+1,a
+1,a
+1,a
+2,b
+-,-
+-,-
+3,c
+4,d
-4,d
+5,e
');

CREATE TABLE b (x INT, s STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'retract', 'data' = '
+1,a
+1,a
+2,b
+2,b
+3,c
-3,c
+-,-
+6,f
');

CREATE TABLE plain (x BIGINT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1
1
2
7
');

SELECT x, s FROM a INTERSECT SELECT x, s FROM b;
--| +I[1, a]
--| +I[2, b]
--| +I[null, null]

SELECT x, s FROM a INTERSECT ALL SELECT x, s FROM b;
--| +I[1, a]
--| +I[1, a]
--| +I[2, b]
--| +I[null, null]

SELECT x, s FROM a EXCEPT SELECT x, s FROM b;
--| +I[3, c]
--| +I[5, e]

SELECT x, s FROM a EXCEPT ALL SELECT x, s FROM b;
--| +I[1, a]
--| +I[3, c]
--| +I[5, e]
--| +I[null, null]

SELECT x, s FROM b EXCEPT ALL SELECT x, s FROM a;
--| +I[2, b]
--| +I[6, f]

SELECT x, s FROM a UNION SELECT x, s FROM b;
--| +I[1, a]
--| +I[2, b]
--| +I[3, c]
--| +I[5, e]
--| +I[6, f]
--| +I[null, null]

SELECT s FROM (SELECT x, s FROM a INTERSECT ALL SELECT x, s FROM b) WHERE x > 0;
--| +I[a]
--| +I[a]
--| +I[b]

SELECT x FROM a INTERSECT SELECT x FROM plain;
--| +I[1]
--| +I[2]

SELECT x FROM plain INTERSECT ALL SELECT CAST(x AS INT) FROM plain WHERE x < 5;
--| +I[1]
--| +I[1]
--| +I[2]

SELECT x FROM a EXCEPT SELECT x FROM plain UNION SELECT x FROM b;
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[5]
--| +I[6]
--| +I[null]

(SELECT x FROM a UNION ALL SELECT x FROM b) EXCEPT ALL SELECT x FROM plain;
--| +I[1]
--| +I[1]
--| +I[1]
--| +I[2]
--| +I[2]
--| +I[3]
--| +I[5]
--| +I[6]
--| +I[null]
--| +I[null]
--| +I[null]

SELECT DISTINCT x FROM a INTERSECT ALL SELECT x FROM b;
--| +I[1]
--| +I[2]
--| +I[null]

SELECT x, COUNT(*) AS n FROM (SELECT x FROM a EXCEPT ALL SELECT x FROM b) GROUP BY x;
--| +I[1, 1]
--| +I[3, 1]
--| +I[5, 1]
--| +I[null, 1]

SELECT * FROM (VALUES (1, 'one'), (2, 'two'), (2, 'two')) AS v (n, word) EXCEPT ALL VALUES (2, 'two');
--| +I[1, one]
--| +I[2, two]

WITH sums AS (SELECT x, COUNT(*) AS n FROM a GROUP BY x) SELECT l.x, l.n + r.n AS twice FROM sums l JOIN sums r ON l.x = r.x;
--| +I[1, 6]
--| +I[2, 2]
--| +I[3, 2]
--| +I[5, 2]

WITH both_in AS (SELECT x FROM a INTERSECT SELECT x FROM b) SELECT COUNT(*) AS n, SUM(x) AS total FROM both_in;
--| +I[3, 3]

SELECT x FROM a INTERSECT SELECT s FROM b;
--| error: INT and STRING have no common type in INTERSECT or EXCEPT
--|  --> set_operations.sql:1:1
--|   |
--| 1 | SELECT x FROM a INTERSECT SELECT s FROM b;
--|   | ^^^^^^
--|   |
--|   = help: Cast one of the columns.

EXPLAIN SELECT x FROM a EXCEPT ALL SELECT x FROM b;
--| Sink result (print) #5
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   ExceptAll #4
--|       exchange: by hash of x
--|       state: each row and how often it is on either side, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|       changelog: retract
--|     Source a (inline) #0
--|         reads: x
--|         project: x = x@0
--|         watermark: none
--|         bad records: counted and skipped
--|         changelog: retract
--|     Source b (inline) #1
--|         reads: x
--|         project: x = x@0
--|         watermark: none
--|         bad records: counted and skipped
--|         changelog: retract

EXPLAIN SELECT x FROM plain INTERSECT SELECT x FROM plain;
--| Sink result (print) #4
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Intersect #3
--|       exchange: by hash of x
--|       state: each row and how often it is on either side, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|       changelog: append-only
--|     Map #1
--|         project: x = x@0
--|         changelog: append-only
--|       Source plain (inline) #0
--|           reads: x
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only
--|     Map #2
--|         project: x = x@0
--|         changelog: append-only
--|       #0 (see above)
