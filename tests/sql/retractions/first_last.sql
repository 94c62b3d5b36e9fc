-- FIRST_VALUE and LAST_VALUE are those of the rows that are left.
CREATE TABLE t (id INT, x STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,a
+2,b
+3,c
-1,a
-3,c
');

SELECT FIRST_VALUE(x ORDER BY id) AS f, LAST_VALUE(x ORDER BY id) AS l FROM t;
--| +I[b, b]
