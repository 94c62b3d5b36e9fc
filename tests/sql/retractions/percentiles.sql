-- Percentiles and medians of the rows that are left.
CREATE TABLE t (x DOUBLE) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1
+2
+3
+1000
-1000
');

SELECT MEDIAN(x) AS m, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x) AS p, APPROX_MEDIAN(x) AS a FROM t;
--| +I[2.0, 2.0, 2.0]
