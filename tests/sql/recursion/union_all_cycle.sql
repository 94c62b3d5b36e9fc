-- UNION ALL follows changes round by round: a cycle that nothing leads into is no harm, nor one that loses its way in.
CREATE TABLE e (a INT, b INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+7,8
+8,7
+1,2
+2,3
+1,3
+3,4
+3,4
-2,3
-3,4
');
CREATE TABLE s (n INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1
');

WITH RECURSIVE r (n, d) AS (SELECT n, 0 FROM s UNION ALL SELECT e.b, r.d + 1 FROM r JOIN e ON e.a = r.n) SELECT n, d, COUNT(*) AS ways FROM r GROUP BY n, d;
WITH RECURSIVE r (n) AS (SELECT n FROM s UNION ALL SELECT e.b FROM r JOIN e ON e.a = r.n JOIN e AS again ON again.a = e.a AND again.b = e.b) SELECT n, COUNT(*) AS ways FROM r GROUP BY n;
--| +I[1, 0, 1]
--| +I[2, 1, 1]
--| +I[3, 1, 1]
--| +I[4, 2, 1]
--| +I[1, 1]
--| +I[2, 1]
--| +I[3, 1]
--| +I[4, 1]
