-- Bit aggregates are computed anew from the rows that are left.
CREATE TABLE t (x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+12
+10
+3
-3
');

SELECT BIT_AND(x) AS a, BIT_OR(x) AS o, BIT_XOR(x) AS x FROM t;
--| +I[8, 14, 6]
