-- What is taken back after its group was forgotten is ignored. [time-passes]
CREATE TABLE t (k STRING, v INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+a,1
+a,2
+b,5
@ 5 s
-a,1
@ 20 s
-a,2
-b,5
@ 21 s
+a,9
+b,7
');

SELECT k, COUNT(*) AS n, SUM(v) AS total, MAX(v) AS most FROM t GROUP BY k;
--| +I[a, 1, 9, 9]
--| +I[b, 1, 7, 7]

SELECT /*+ STATE_TTL('t' = '10 s') */ k, COUNT(*) AS n, SUM(v) AS total, MAX(v) AS most FROM t GROUP BY k;
--| +I[a, 1, 2, 2]
--| +I[a, 1, 9, 9]
--| +I[b, 1, 5, 5]
--| +I[b, 1, 7, 7]

-- The setting for what has no hint, and a hint that keeps for ever.
SET 'table.exec.state.ttl' = '10 s';

SELECT k, COUNT(*) AS n, SUM(v) AS total, MAX(v) AS most FROM t GROUP BY k;
--| +I[a, 1, 2, 2]
--| +I[a, 1, 9, 9]
--| +I[b, 1, 5, 5]
--| +I[b, 1, 7, 7]

SELECT /*+ STATE_TTL('t' = '0 s') */ k, COUNT(*) AS n, SUM(v) AS total, MAX(v) AS most FROM t GROUP BY k;
--| +I[a, 1, 9, 9]
--| +I[b, 1, 7, 7]
