-- When a row of the first n goes, the next one comes up.
CREATE TABLE t (id INT, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,10
+2,30
+3,20
+4,5
-2,30
');

SELECT id, n FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY x DESC) AS n FROM t) WHERE n <= 2;
--| +I[1, 2]
--| +I[3, 1]

SELECT id FROM t ORDER BY x LIMIT 1 OFFSET 1;
--| +I[1]
