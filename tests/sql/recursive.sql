-- WITH RECURSIVE: the fixpoint is kept up to date, also when rows go that hold up a cycle.
CREATE TABLE edges (src INT, dst INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,2
+2,3
+3,1
+3,4
+5,6
-3,1
+6,5
+4,7
-2,3
+2,3
', 'data.2' = '
+7,8
+8,9
-8,9
');

CREATE TABLE starts (node INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
2
5
');

CREATE TABLE staff (name STRING, boss STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
ann,-
bob,ann
eve,bob
kim,ann
');

WITH RECURSIVE reach (src, dst) AS (
  SELECT src, dst FROM edges UNION SELECT r.src, e.dst FROM reach r JOIN edges e ON r.dst = e.src
) SELECT src, dst FROM reach WHERE src IN (2, 5);
--| +I[2, 3]
--| +I[2, 4]
--| +I[2, 7]
--| +I[2, 8]
--| +I[5, 5]
--| +I[5, 6]

WITH RECURSIVE seen (node) AS (
  SELECT node FROM starts UNION SELECT e.dst FROM seen s JOIN edges e ON s.node = e.src
) SELECT COUNT(*) AS n, SUM(node) AS total FROM seen;
--| +I[7, 35]

WITH RECURSIVE levels (name, depth) AS (
  SELECT name, 0 FROM staff WHERE boss IS NULL UNION ALL SELECT s.name, l.depth + 1 FROM levels l JOIN staff s ON s.boss = l.name
) SELECT name, depth FROM levels;
--| +I[ann, 0]
--| +I[bob, 1]
--| +I[eve, 2]
--| +I[kim, 1]

WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 5) SELECT n FROM numbers;
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[4]
--| +I[5]

WITH RECURSIVE reach (src, dst) AS (
  SELECT src, dst FROM edges UNION SELECT r.src, e.dst FROM reach r JOIN edges e ON r.dst = e.src
) SELECT a.src, a.dst FROM reach a JOIN reach b ON a.src = b.dst AND a.dst = b.src;
--| +I[5, 5]
--| +I[5, 6]
--| +I[6, 5]
--| +I[6, 6]

WITH RECURSIVE odd (n) AS (SELECT node FROM starts UNION (SELECT n FROM odd EXCEPT SELECT node FROM starts)) SELECT n FROM odd;
--| error: windows, INTERSECT and EXCEPT inside of a recursive query
--|  --> recursive.sql:1:6
--|   |
--| 1 | WITH RECURSIVE odd (n) AS (SELECT node FROM starts UNION (SELECT n FROM odd EXCEPT SELECT node FROM starts)) SELECT n FROM odd;
--|   |      ^^^^^^^^^
--|   |
--|   = help: Compute it in a view before the recursion.

EXPLAIN WITH RECURSIVE seen (node) AS (
  SELECT node FROM starts UNION SELECT e.dst FROM seen s JOIN edges e ON s.node = e.src
) SELECT node FROM seen;
--| Sink result (print) #4
--|     changelog: retract, one row for each node
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Recursive seen #3
--|       exchange: to one worker
--|       follows each change, round after round, to the rows that come from it
--|       state: the rows of the tables it reads and of its result (warning: grows with them)
--|       changelog: retract, one row for each node
--|     Source starts (inline) #0
--|         reads: node
--|         project: node = node@0
--|         watermark: none
--|         bad records: counted and skipped
--|         changelog: append-only
--|     Source edges (inline) #2
--|         reads: src, dst
--|         watermark: none
--|         bad records: counted and skipped
--|         changelog: retract

-- Rows that only come: the result goes on from what it was.
CREATE TABLE links (a INT, b INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2
3,4
2,3
4,5
5,1
9,9
', 'data.2' = '
6,1
5,6
7,8
');

WITH RECURSIVE ways (a, b) AS (SELECT a, b FROM links UNION SELECT w.a, l.b FROM ways w JOIN links l ON w.b = l.a) SELECT a, COUNT(*) AS n, SUM(b) AS total FROM ways GROUP BY a;
--| +I[1, 6, 21]
--| +I[2, 6, 21]
--| +I[3, 6, 21]
--| +I[4, 6, 21]
--| +I[5, 6, 21]
--| +I[6, 6, 21]
--| +I[7, 1, 8]
--| +I[9, 1, 9]

WITH RECURSIVE near (b, d) AS (SELECT b, 1 FROM links WHERE a = 1 UNION SELECT l.b, n.d + 1 FROM near n JOIN links l ON n.b = l.a WHERE n.d < 4) SELECT b, MIN(d) AS d FROM near GROUP BY b;
--| +I[2, 1]
--| +I[3, 2]
--| +I[4, 3]
--| +I[5, 4]
