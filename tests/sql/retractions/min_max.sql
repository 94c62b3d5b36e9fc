-- The next extreme comes up when one is taken back.
CREATE TABLE t (k STRING, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+a,5
+a,9
+a,9
+a,1
-a,9
-a,1
+b,3
+b,7
-b,7
');

SELECT k, MIN(x) AS lo, MAX(x) AS hi FROM t GROUP BY k;
--| +I[a, 5, 9]
--| +I[b, 3, 3]
