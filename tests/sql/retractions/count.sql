-- COUNT and COUNT DISTINCT follow rows that are taken back; a group without rows is gone.
CREATE TABLE t (k STRING, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'retract', 'data' = '
+a,1
+a,1
+a,-
+b,5
-a,1
-b,5
');

SELECT k, COUNT(*) AS n, COUNT(x) AS c, COUNT(DISTINCT x) AS d FROM t GROUP BY k;
--| +I[a, 2, 1, 1]

SELECT COUNT(*) AS n FROM t WHERE k = 'b';
--| +I[0]
