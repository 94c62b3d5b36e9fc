-- Every grouping set loses the row.
CREATE TABLE t (a STRING, b STRING, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+p,u,1
+p,v,2
+q,u,4
-q,u,4
');

SELECT a, b, SUM(x) AS s FROM t GROUP BY CUBE (a, b);
--| +I[null, null, 3]
--| +I[null, u, 1]
--| +I[null, v, 2]
--| +I[p, null, 3]
--| +I[p, u, 1]
--| +I[p, v, 2]
