-- Groups are forgotten so long after their last row; what was told of them stays. A line '@ 10 s' lets time pass. [time-passes]
CREATE TABLE t (k STRING, v INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,1
b,2
,3
@ 6 s
a,10
@ 11 s
a,100
b,20
,30
@ 40 s
a,1000
');

-- The clock of the rows.
SELECT k, v, CAST(NOW() AS STRING) AS came FROM t;
--| +I[, 3, 2024-11-11 00:00:00.000]
--| +I[, 30, 2024-11-11 00:00:11.000]
--| +I[a, 1, 2024-11-11 00:00:00.000]
--| +I[a, 10, 2024-11-11 00:00:06.000]
--| +I[a, 100, 2024-11-11 00:00:11.000]
--| +I[a, 1000, 2024-11-11 00:00:40.000]
--| +I[b, 2, 2024-11-11 00:00:00.000]
--| +I[b, 20, 2024-11-11 00:00:11.000]

SELECT k, COUNT(*) AS n, SUM(v) AS total FROM t GROUP BY k;
--| +I[, 2, 33]
--| +I[a, 4, 1111]
--| +I[b, 2, 22]

-- 'a' is kept by its rows until there are none for 10 seconds; 'b' begins anew, and its first result stays.
SELECT /*+ STATE_TTL('t' = '10 s') */ k, COUNT(*) AS n, SUM(v) AS total FROM t GROUP BY k;
--| +I[, 1, 30]
--| +I[, 1, 3]
--| +I[a, 1, 1000]
--| +I[a, 3, 111]
--| +I[b, 1, 20]
--| +I[b, 1, 2]

-- A second is not long enough for anything.
SELECT /*+ STATE_TTL('t' = '1 s') */ k, COUNT(*) AS n, SUM(v) AS total, MIN(v) AS least FROM t GROUP BY k;
--| +I[, 1, 3, 3]
--| +I[, 1, 30, 30]
--| +I[a, 1, 1, 1]
--| +I[a, 1, 10, 10]
--| +I[a, 1, 100, 100]
--| +I[a, 1, 1000, 1000]
--| +I[b, 1, 2, 2]
--| +I[b, 1, 20, 20]

SELECT /*+ STATE_TTL('t' = '1 min') */ k, COUNT(*) AS n, SUM(v) AS total FROM t GROUP BY k;
--| +I[, 2, 33]
--| +I[a, 4, 1111]
--| +I[b, 2, 22]

SELECT /*+ STATE_TTL('t' = '10 s') */ DISTINCT k FROM t;
--| +I[]
--| +I[]
--| +I[a]
--| +I[a]
--| +I[b]
--| +I[b]

SELECT /*+ STATE_TTL('t' = '10 s') */ k, COUNT(DISTINCT v) AS kinds, MAX(v) AS most FROM t GROUP BY k HAVING COUNT(*) > 1;
--| +I[a, 3, 100]

-- An aggregate without GROUP BY is one group.
SELECT /*+ STATE_TTL('t' = '10 s') */ COUNT(*) AS n, SUM(v) AS total FROM t;
--| error: STATE_TTL names 't', which is no input of a join, an aggregation, a ranking or a set operation without a window here
--|  --> groups.sql:2:8
--|   |
--| 2 | SELECT /*+ STATE_TTL('t' = '10 s') */ COUNT(*) AS n, SUM(v) AS total FROM t;
--|   |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Name a table, view or alias that the query joins or aggregates.
