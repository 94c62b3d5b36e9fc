-- A group comes and goes as its HAVING becomes true and false.
CREATE TABLE t (k STRING, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+a,1
+a,2
+b,1
+b,1
+b,1
-a,2
');

SELECT k, COUNT(*) AS n FROM t GROUP BY k HAVING COUNT(*) >= 2;
--| +I[b, 3]
