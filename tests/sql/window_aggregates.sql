-- Aggregates in a window: FILTER, DISTINCT, HAVING, all kinds of functions.
CREATE TABLE facts (k STRING, x INT, d DOUBLE, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '10' SECOND)
WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
a,1,0.1,u,2024-11-11 00:00:01
a,1,0.2,v,2024-11-11 00:00:02
b,3,0.3,u,2024-11-11 00:00:03
a,-,-,-,2024-11-11 00:00:04
b,5,1e16,w,2024-11-11 00:00:05
b,5,1.0,w,2024-11-11 00:00:06
b,5,-1e16,w,2024-11-11 00:00:07
a,7,2.5,x,2024-11-11 00:01:07
');
CREATE VIEW minutes AS SELECT * FROM TABLE(TUMBLE(TABLE facts, DESCRIPTOR(ts), INTERVAL '1' MINUTE));

SELECT window_start, k, COUNT(*) AS rows_, COUNT(x) AS xs, COUNT(DISTINCT x) AS kinds, SUM(DISTINCT x) AS sum_kinds
FROM minutes GROUP BY window_start, window_end, k;
--| +I[2024-11-11T00:00, a, 3, 2, 1, 1]
--| +I[2024-11-11T00:00, b, 4, 4, 2, 8]
--| +I[2024-11-11T00:01, a, 1, 1, 1, 7]

-- Floating-point sums are exact and rounded once: 1e16 and -1e16 do not swallow the 1.0.
SELECT window_start, k, SUM(d) AS sum_, AVG(d) AS avg_, MIN(d) AS min_, MAX(d) AS max_ FROM minutes GROUP BY window_start, window_end, k;
--| +I[2024-11-11T00:00, a, 0.30000000000000004, 0.15000000000000002, 0.1, 0.2]
--| +I[2024-11-11T00:00, b, 1.3, 0.325, -1e16, 1e16]
--| +I[2024-11-11T00:01, a, 2.5, 2.5, 2.5, 2.5]

SELECT window_start, COUNT(*) FILTER (WHERE k = 'a') AS a, SUM(x) FILTER (WHERE x > 1) AS big, COUNT(DISTINCT s) FILTER (WHERE k = 'b') AS b_kinds
FROM minutes GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 3, 18, 2]
--| +I[2024-11-11T00:01, 1, 7, 0]

SELECT window_start, k, SUM(x) AS total FROM minutes GROUP BY window_start, window_end, k HAVING SUM(x) > 2 AND COUNT(*) > 1;
--| +I[2024-11-11T00:00, b, 18]

SELECT window_start, MIN(s) AS a, MAX(s) AS b, MIN(ts) AS c, MAX(ts) AS d FROM minutes GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, u, w, 2024-11-11T00:00:01, 2024-11-11T00:00:07]
--| +I[2024-11-11T00:01, x, x, 2024-11-11T00:01:07, 2024-11-11T00:01:07]

SELECT window_start, STDDEV_POP(x) AS a, VAR_SAMP(x) AS b, MEDIAN(x) AS c FROM minutes WHERE k = 'b' GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 0.8660254037844387, 1.0000000000000002, 5.0]

-- In the order of the input.
SELECT window_start, k, FIRST_VALUE(s) AS first_, LAST_VALUE(s) AS last_, STRING_AGG(s, ',') AS all_, ARRAY_AGG(x) AS xs FROM minutes GROUP BY window_start, window_end, k;
--| +I[2024-11-11T00:00, a, u, null, u,v, [1, 1, null]]
--| +I[2024-11-11T00:00, b, u, w, u,w,w,w, [3, 5, 5, 5]]
--| +I[2024-11-11T00:01, a, x, x, x, [7]]

SELECT window_start, BOOL_AND(x > 0) AS a, BOOL_OR(x > 4) AS b, BIT_AND(x) AS c, BIT_OR(x) AS d FROM minutes GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, true, true, 1, 7]
--| +I[2024-11-11T00:01, true, true, 7, 7]

SELECT window_start, APPROX_DISTINCT(s) AS a, CORR(x, d) IS NOT NULL AS b FROM minutes GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 3, true]
--| +I[2024-11-11T00:01, 1, false]

-- An expression over keys and aggregates; the same aggregate twice.
SELECT window_start, UPPER(k) || ':' || CAST(SUM(x) AS STRING) AS label, SUM(x) * 2 AS twice FROM minutes GROUP BY window_start, window_end, k;
--| +I[2024-11-11T00:00, A:2, 4]
--| +I[2024-11-11T00:00, B:18, 36]
--| +I[2024-11-11T00:01, A:7, 14]

-- Keys that are expressions.
SELECT window_start, x % 2 AS odd, COUNT(*) AS n FROM minutes GROUP BY window_start, window_end, x % 2;
--| +I[2024-11-11T00:00, 1, 6]
--| +I[2024-11-11T00:00, null, 1]
--| +I[2024-11-11T00:01, 1, 1]
