-- Functions over neighbours change for the rows around one that goes.
CREATE TABLE t (id INT, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,10
+2,20
+3,30
-2,20
');

SELECT id, LAG(x) OVER (ORDER BY id) AS before, SUM(x) OVER (ORDER BY id) AS so_far, ROW_NUMBER() OVER (ORDER BY id) AS n FROM t;
--| +I[1, null, 10, 1]
--| +I[3, 10, 40, 2]
