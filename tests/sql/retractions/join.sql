-- A pair goes with either of its rows; a left row without a partner is padded again.
CREATE TABLE l (id INT, k STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,a
+2,b
+3,a
-3,a
');
CREATE TABLE r (k STRING, v INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+a,10
+b,20
-b,20
+a,11
');

SELECT id, v FROM l JOIN r ON l.k = r.k;
--| +I[1, 10]
--| +I[1, 11]

SELECT id, v FROM l LEFT JOIN r ON l.k = r.k;
--| +I[1, 10]
--| +I[1, 11]
--| +I[2, null]
