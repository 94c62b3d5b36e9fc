-- FETCH … WITH TIES behind OFFSET: rows are left out one by one, and the last of the others brings its equals.
CREATE TABLE t (id INT, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,5
+2,5
+3,4
+4,3
+5,3
+6,3
+7,1
-1,5
');

SELECT id, x FROM t ORDER BY x DESC OFFSET 1 ROWS FETCH NEXT 2 ROWS WITH TIES;
--| +I[3, 4]
--| +I[4, 3]
--| +I[5, 3]
--| +I[6, 3]

SELECT x FROM t ORDER BY x OFFSET 2 ROWS FETCH NEXT 1 ROW WITH TIES;
--| +I[3]
--| +I[3]

SELECT id FROM t ORDER BY x OFFSET 20 ROWS FETCH NEXT 1 ROW WITH TIES;
