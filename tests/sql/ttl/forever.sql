-- A lifetime that is longer than the input changes nothing.
CREATE TABLE t (k STRING, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+a,1
+a,2
-a,1
');

SELECT /*+ STATE_TTL('t' = '1 d') */ k, SUM(x) AS s, MIN(x) AS lo FROM t GROUP BY k;
--| +I[a, 2, 2]

SELECT /*+ STATE_TTL('l' = '1 d', 'r' = '2 d') */ l.k, r.x FROM t AS l LEFT JOIN t AS r ON l.k = r.k;
--| +I[a, 2]
