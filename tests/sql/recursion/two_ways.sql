-- A round may go several ways: along edges and against them.
CREATE TABLE e (a INT, b INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,2
+3,2
+3,4
+5,6
+6,4
-6,4
');

WITH RECURSIVE r (n) AS (
  SELECT 1 UNION (SELECT e.b FROM r JOIN e ON e.a = r.n UNION ALL SELECT e.a FROM r JOIN e ON e.b = r.n)
) SELECT n FROM r;
-- A computed key, on either side.
WITH RECURSIVE r (n) AS (SELECT 1 UNION SELECT e.b FROM r JOIN e ON e.a - 1 = r.n - 1) SELECT n FROM r;
WITH RECURSIVE r (n) AS (SELECT CAST(2 AS BIGINT) UNION SELECT CAST(e.a AS BIGINT) FROM e, r WHERE e.b = r.n AND e.a <> 3 OR e.a = r.n + 1) SELECT n FROM r;
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[4]
--| +I[1]
--| +I[2]
--| +I[1]
--| +I[2]
--| +I[3]
