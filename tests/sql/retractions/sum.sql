-- SUM is NULL again when its last value is taken back, though the group has rows.
CREATE TABLE t (k STRING, x INT, d DOUBLE) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'retract', 'data' = '
+a,1,0.1
+a,-,-
+b,2,1e300
+b,3,0.1
-a,1,0.1
-b,2,1e300
');

SELECT k, SUM(x) AS s, SUM(d) AS sd, AVG(x) AS a FROM t GROUP BY k;
--| +I[a, null, null, null]
--| +I[b, 3, 0.1, 3]
