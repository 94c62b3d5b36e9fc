-- EXISTS and NOT EXISTS turn when the last partner goes.
CREATE TABLE l (id INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1
2
3
');
CREATE TABLE r (id INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1
+1
-1
+2
-2
');

SELECT id FROM l WHERE EXISTS (SELECT 1 FROM r WHERE r.id = l.id);
--| +I[1]

SELECT id FROM l WHERE id NOT IN (SELECT id FROM r);
--| +I[2]
--| +I[3]
