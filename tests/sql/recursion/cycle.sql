-- UNION ends in a cycle; what a cycle holds up alone goes with the last way into it.
CREATE TABLE e (a STRING, b STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+start,x
+x,y
+y,x
-start,x
+start,z
');

WITH RECURSIVE reach (n) AS (SELECT 'start' UNION SELECT e.b FROM reach JOIN e ON e.a = reach.n) SELECT n FROM reach;
--| +I[start]
--| +I[z]
