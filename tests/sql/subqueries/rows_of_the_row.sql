-- A row among rows of a subquery that reads the row around it.
CREATE TABLE t (id INT, k INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,10
2,20
3,-
');
CREATE TABLE u (k INT, w INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+10,100
+20,200
');

SELECT id FROM t WHERE (id, k) IN (SELECT 1, u.k FROM u WHERE u.k = t.k);
--| +I[1]

SELECT id FROM t WHERE (id, k) NOT IN (SELECT 1, u.k FROM u WHERE u.k = t.k);
--| +I[2]
--| +I[3]

SELECT t.id, (t.id, t.k) IN (SELECT u.w / 100, u.k FROM u WHERE u.w > t.id) AS found FROM t;
--| +I[1, true]
--| +I[2, true]
--| +I[3, false]
