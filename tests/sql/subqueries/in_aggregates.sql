-- Subqueries in the arguments of aggregates, in FILTER and in keys of groups.
CREATE TABLE t (id INT, k INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,10
2,20
3,-
');
CREATE TABLE u (k INT, w INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+10,100
+20,200
+30,300
-20,200
');

SELECT COUNT(*) FILTER (WHERE k IN (SELECT k FROM u)) AS known, COUNT(*) AS n FROM t;
--| +I[1, 3]

SELECT SUM(CASE WHEN EXISTS (SELECT 1 FROM u WHERE u.k = t.k) THEN 1 ELSE 0 END) AS known FROM t;
--| +I[1]

SELECT id > 1 AS later, MAX((SELECT w FROM u WHERE u.k = t.k)) AS m FROM t GROUP BY id > 1;
--| +I[false, 100]
--| +I[true, null]

SELECT k IN (SELECT k FROM u) AS known, COUNT(*) AS n FROM t GROUP BY k IN (SELECT k FROM u);
--| +I[false, 1]
--| +I[null, 1]
--| +I[true, 1]
