-- A row that loses one of two ways stays, and all behind it.
CREATE TABLE e (a INT, b INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,2
+2,4
+1,3
+3,4
+4,5
-2,4
');

WITH RECURSIVE reach (a, b) AS (SELECT a, b FROM e UNION SELECT reach.a, e.b FROM reach JOIN e ON reach.b = e.a) SELECT b FROM reach WHERE a = 1;
--| +I[2]
--| +I[3]
--| +I[4]
--| +I[5]
