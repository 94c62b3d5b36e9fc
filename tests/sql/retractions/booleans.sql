-- BOOL_AND and BOOL_OR turn when the row that decided is taken back.
CREATE TABLE t (k STRING, x BOOLEAN) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+a,true
+a,false
-a,false
+b,false
+b,true
-b,true
');

SELECT k, BOOL_AND(x) AS all_, BOOL_OR(x) AS any_, EVERY(x) AS every_ FROM t GROUP BY k;
--| +I[a, true, true, true]
--| +I[b, false, false, false]
