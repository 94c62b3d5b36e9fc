-- Deviation and variance of the rows that are left; of one row the sample has none.
CREATE TABLE t (k STRING, x DOUBLE) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+a,1
+a,3
+a,100
-a,100
+b,5
+b,6
-b,6
');

SELECT k, STDDEV_POP(x) AS sp, VAR_POP(x) AS vp, VAR_SAMP(x) AS vs FROM t GROUP BY k;
--| +I[a, 1.0, 1.0, 2.0]
--| +I[b, 0.0, 0.0, null]
