-- UNION ALL gives a row as often as there are ways to it.
CREATE TABLE e (a INT, b INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,2
+1,3
+2,4
+3,4
+4,5
-3,4
+1,4
');

WITH RECURSIVE walk (n) AS (SELECT 1 UNION ALL SELECT e.b FROM walk JOIN e ON e.a = walk.n) SELECT n, COUNT(*) AS ways FROM walk GROUP BY n;
--| +I[1, 1]
--| +I[2, 1]
--| +I[3, 1]
--| +I[4, 2]
--| +I[5, 2]
