-- DISTINCT keeps a row as long as one copy of it is there.
CREATE TABLE t (x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1
+1
+2
-1
-2
');

SELECT DISTINCT x FROM t;
--| +I[1]

SELECT SUM(DISTINCT x) AS s, AVG(DISTINCT x) AS a FROM t;
--| +I[1, 1]
