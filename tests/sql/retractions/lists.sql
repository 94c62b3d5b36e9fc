-- Lists lose what is taken back, one copy at a time.
CREATE TABLE t (id INT, x STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,b
+2,a
+3,b
-1,b
+4,c
');

SELECT STRING_AGG(x, '+' ORDER BY id) AS s, ARRAY_AGG(x ORDER BY id DESC) AS a, LISTAGG(DISTINCT x) WITHIN GROUP (ORDER BY x) AS d, COLLECT(x) AS c FROM t;
--| +I[a+b+c, [c, b, a], a,b,c, {a=1, b=1, c=1}]
