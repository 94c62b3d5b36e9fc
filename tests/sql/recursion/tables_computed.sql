-- What a round meets may be any query that does not read the recursion: aggregates, outer joins, set operations.
CREATE TABLE e (a INT, b INT, w INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,2,5
+1,2,3
+2,3,1
+3,4,9
-1,2,3
+4,1,2
+3,5,1
');
CREATE TABLE closed (n INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+3
-3
+5
');

WITH RECURSIVE r (n) AS (
  SELECT 1 UNION SELECT s.b FROM r JOIN (SELECT a, b, MIN(w) AS w FROM e GROUP BY a, b) AS s ON s.a = r.n WHERE s.w < 9
) SELECT n FROM r;
WITH RECURSIVE r (n) AS (
  SELECT 1 UNION SELECT s.b FROM r JOIN (SELECT a, b FROM e EXCEPT SELECT e.a, e.b FROM e JOIN closed ON closed.n = e.b) AS s ON s.a = r.n
) SELECT n FROM r;
WITH RECURSIVE r (n) AS (
  SELECT 1 UNION SELECT s.b FROM r JOIN (SELECT e.a, e.b FROM e LEFT JOIN closed ON closed.n = e.b WHERE closed.n IS NULL) AS s ON s.a = r.n
) SELECT n FROM r;
-- As a condition on the rows of the table it is not offered.
WITH RECURSIVE r (n) AS (SELECT 1 UNION SELECT b FROM e WHERE a IN (SELECT n FROM r)) SELECT n FROM r;
WITH RECURSIVE r (n) AS (SELECT 1 UNION SELECT e.b FROM r JOIN e ON e.a = r.n AND e.b IN (SELECT a FROM e)) SELECT n FROM r;
--| error: 'r' reads itself in a subquery only
--|   --> tables_computed.sql:11:6
--|    |
--| 11 | WITH RECURSIVE r (n) AS (SELECT 1 UNION SELECT b FROM e WHERE a IN (SELECT n FROM r)) SELECT n FROM r;
--|    |      ^^^^^^^^^
--|    |
--|    = help: Join with it: … FROM r JOIN … ON ….
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[5]
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[4]
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[4]
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[4]
