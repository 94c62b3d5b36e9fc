-- An aggregation of an aggregation takes back what the inner one corrects.
CREATE TABLE t (k STRING, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+a,1
+a,1
+b,1
+c,1
-c,1
');

SELECT n, COUNT(*) AS groups_ FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k) GROUP BY n;
--| +I[1, 1]
--| +I[2, 1]

SELECT MAX(n) AS most, SUM(n) AS total FROM (SELECT k, COUNT(*) AS n FROM t GROUP BY k);
--| +I[2, 3]
