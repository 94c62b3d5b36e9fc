-- Every aggregate over rows that are taken back gives what it gives over the rows that are left.
CREATE TABLE facts (k STRING, x INT, d DOUBLE, m DECIMAL(10, 2), s STRING, b BOOLEAN, day_ DATE) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'retract', 'data' = '
+a,1,0.1,1.10,u,true,2024-11-11
+a,9,1e308,9.99,z,false,2024-11-12
+b,5,2.5,0.01,v,true,2024-11-13
+a,3,0.2,2.20,v,true,2024-11-10
+a,9,1e308,9.99,z,false,2024-11-12
-a,9,1e308,9.99,z,false,2024-11-12
+c,7,7.0,7.00,w,false,2024-11-14
+a,-,-,-,-,-,-
-a,9,1e308,9.99,z,false,2024-11-12
+a,3,0.3,3.30,v,true,2024-11-10
-b,5,2.5,0.01,v,true,2024-11-13
+b,4,-1e308,-5.00,y,false,2024-11-01
+b,4,1e308,-5.00,x,-,2024-11-02
+b,6,0.1,-5.00,x,-,2024-11-02
+c,8,-,1.00,w,true,-
-c,7,7.0,7.00,w,false,2024-11-14
-c,8,-,1.00,w,true,-
');

SELECT k, MIN(x) AS lo, MAX(x) AS hi, MIN(d) AS dlo, MAX(d) AS dhi, MIN(m) AS mlo, MAX(m) AS mhi FROM facts GROUP BY k;
--| +I[a, 1, 3, 0.1, 0.3, 1.10, 3.30]
--| +I[b, 4, 6, -1e308, 1e308, -5.00, -5.00]

SELECT k, MIN(s) AS a, MAX(s) AS b, MIN(day_) AS c, MAX(day_) AS d, MIN(b) AS e, MAX(b) AS f FROM facts GROUP BY k;
--| +I[a, u, v, 2024-11-10, 2024-11-11, true, true]
--| +I[b, x, y, 2024-11-01, 2024-11-02, false, false]

-- Sums of DOUBLE are exact: what was taken back leaves no trace.
SELECT k, SUM(d) AS total, AVG(d) AS mean, SUM(m) AS dec_, AVG(m) AS dec_mean FROM facts GROUP BY k;
--| +I[a, 0.6, 0.19999999999999998, 6.60, 2.200000]
--| +I[b, 0.1, 0.03333333333333333, -15.00, -5.000000]

SELECT k, COUNT(DISTINCT x) AS a, SUM(DISTINCT x) AS b, AVG(DISTINCT x) AS c, COUNT(DISTINCT s) AS d, SUM(DISTINCT m) AS e, SUM(DISTINCT d) AS f FROM facts GROUP BY k;
--| +I[a, 2, 4, 2, 2, 6.60, 0.6]
--| +I[b, 2, 10, 5, 2, -5.00, 0.1]

-- In the order of the input.
SELECT k, FIRST_VALUE(x) AS a, LAST_VALUE(x) AS b, STRING_AGG(s, ',') AS c, ARRAY_AGG(x) AS d FROM facts GROUP BY k;
--| +I[a, 1, 3, u,v,v, [1, 3, null, 3]]
--| +I[b, 4, 6, y,x,x, [4, 4, 6]]

SELECT k, LAST_VALUE(x) IGNORE NULLS AS a, ARRAY_AGG(DISTINCT s) AS b, STRING_AGG(DISTINCT s, '|') AS c FROM facts GROUP BY k;
--| +I[a, 3, [u, v, null], u|v]
--| +I[b, 6, [y, x], y|x]

-- In an order of one's own; what is equal in it comes in the order of the values.
SELECT k, STRING_AGG(s, ',' ORDER BY day_ DESC) AS a, ARRAY_AGG(x ORDER BY d) AS b, FIRST_VALUE(s ORDER BY d) AS c, LAST_VALUE(d ORDER BY x NULLS FIRST) AS d FROM facts GROUP BY k;
--| +I[a, u,v,v, [null, 1, 3, 3], null, 0.3]
--| +I[b, x,x,y, [4, 6, 4], y, 0.1]

SELECT k, STDDEV_POP(x) AS a, VAR_SAMP(x) AS b, MEDIAN(x) AS c, PERCENTILE_CONT(0.75) WITHIN GROUP (ORDER BY x) AS d, BIT_XOR(x) AS e FROM facts GROUP BY k;
--| +I[a, 0.9428090415820634, 1.3333333333333333, 3.0, 3.0, 1]
--| +I[b, 0.9428090415820632, 1.333333333333333, 4.0, 5.0, 6]

SELECT k, BOOL_AND(b) AS a, BOOL_OR(b) AS b, COUNT(*) FILTER (WHERE b) AS c, MAX(x) FILTER (WHERE x < 5) AS d, ARRAY_AGG(x) FILTER (WHERE m > 1.5) AS e FROM facts GROUP BY k;
--| +I[a, true, true, 3, 3, [3, 3]]
--| +I[b, false, false, 0, 4, null]

SELECT MIN(x) AS lo, MAX(s) AS hi, COUNT(DISTINCT k) AS ks, SUM(d) AS total, STRING_AGG(s, '' ORDER BY s) AS all_ FROM facts;
--| +I[1, y, 2, 0.7, uvvxxy]

-- Behind a join or another aggregation rows have no order of arrival: they come in the order of their values.
SELECT hi, ARRAY_AGG(k) AS ks, FIRST_VALUE(k) AS a, LAST_VALUE(k) AS b, STRING_AGG(k, '+') AS c FROM (SELECT k, MAX(x) > 5 AS hi FROM facts GROUP BY k) GROUP BY hi;
--| +I[false, [a], a, a, a]
--| +I[true, [b], b, b, b]

SELECT l.k, ARRAY_AGG(r.x) AS xs, STRING_AGG(l.s || r.s, ',') AS c FROM facts l JOIN facts r ON l.k = r.k AND l.x < r.x GROUP BY l.k;
--| +I[a, [3, 3], uv,uv]
--| +I[b, [6, 6], xx,yx]

SELECT APPROX_DISTINCT(x) FROM facts;
--| error: APPROX_DISTINCT over rows that change: a sketch cannot take back what it has seen
--|  --> aggregates_retract.sql:1:8
--|   |
--| 1 | SELECT APPROX_DISTINCT(x) FROM facts;
--|   |        ^^^^^^^^^^^^^^^
--|   |
--|   = help: Write COUNT(DISTINCT x), which is exact.

-- Approximate percentiles can: whole numbers up to 512 are exact.
SELECT k, APPROX_MEDIAN(x) FROM facts GROUP BY k;
--| +I[a, 3.0]
--| +I[b, 4.0]

SELECT k, APPROX_PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x) FROM facts GROUP BY k;
--| +I[a, 3.0]
--| +I[b, 4.0]
