-- A value of a subquery changes all rows that show it.
CREATE TABLE t (x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1
+5
+9
-9
');

SELECT x, (SELECT MAX(x) FROM t) AS most FROM t;
--| +I[1, 5]
--| +I[5, 5]

SELECT x FROM t WHERE x = (SELECT MAX(x) FROM t);
--| +I[5]
