-- The recursion may stand on either side of its join.
CREATE TABLE e (a INT, b INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,2
+2,3
+3,4
-3,4
+3,1
');

WITH RECURSIVE reach (a, b) AS (SELECT a, b FROM e UNION SELECT e.a, reach.b FROM e JOIN reach ON e.b = reach.a) SELECT a, COUNT(*) AS n FROM reach GROUP BY a;
--| +I[1, 3]
--| +I[2, 3]
--| +I[3, 3]
