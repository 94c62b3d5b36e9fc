-- Set operations count: what one side loses, the result may lose or win.
CREATE TABLE l (x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1
+1
+2
+3
-1
');
CREATE TABLE r (x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1
+2
-2
');

SELECT x FROM l INTERSECT SELECT x FROM r;
--| +I[1]

SELECT x FROM l EXCEPT SELECT x FROM r;
--| +I[2]
--| +I[3]

SELECT x FROM l UNION SELECT x FROM r;
--| +I[1]
--| +I[2]
--| +I[3]

SELECT x FROM l UNION ALL SELECT x FROM r;
--| +I[1]
--| +I[1]
--| +I[2]
--| +I[3]
