-- Approximate percentiles: counts of ranges of values. Whole numbers up to 512 are exact, everything else is cut by
-- 1/256 at most.
CREATE TABLE n (k STRING, i INT, d DOUBLE, x DECIMAL(10, 2)) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'retract', 'data' = '
+a,1,1.5,0.10
+a,2,-2.5,0.20
+a,3,3.5,0.30
+a,4,-,0.40
+a,100,1000000,1000000.00
-a,100,1000000,1000000.00
+b,-,-,-
+c,-7,-0.5,-5.55
+c,7,0.5,5.55
');

-- Of an even number of values the smaller one in the middle, as PERCENTILE_DISC(0.5); of nothing but NULL it is NULL.
SELECT k, APPROX_MEDIAN(i) AS i, APPROX_MEDIAN(d) AS d, APPROX_MEDIAN(x) AS x FROM n GROUP BY k;
--| +I[a, 2.0, 1.5, 0.19970703125]
--| +I[b, null, null, null]
--| +I[c, -7.0, -0.5, -5.546875]

SELECT k, APPROX_PERCENTILE_CONT(0) WITHIN GROUP (ORDER BY i) AS first, APPROX_PERCENTILE_CONT(1) WITHIN GROUP (ORDER BY i) AS last, APPROX_PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY i) AS quarter, APPROX_PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY i DESC) AS from_above FROM n GROUP BY k;
--| +I[a, 1.0, 4.0, 1.0, 4.0]
--| +I[b, null, null, null, null]
--| +I[c, -7.0, 7.0, -7.0, 7.0]

-- Behind a join, over all rows, with a filter, of different values.
SELECT APPROX_MEDIAN(a.i + b.i) AS m, APPROX_MEDIAN(DISTINCT a.i) AS d, APPROX_MEDIAN(a.i) FILTER (WHERE a.i > 2) AS f FROM n a JOIN n b ON a.k = b.k;
--| +I[5.0, 2.0, 4.0]

SELECT APPROX_PERCENTILE_CONT(1.5) WITHIN GROUP (ORDER BY i) AS m FROM n;
--| error: the percentile is not a number from 0 to 1
--|  --> approx_percentiles.sql:1:8
--|   |
--| 1 | SELECT APPROX_PERCENTILE_CONT(1.5) WITHIN GROUP (ORDER BY i) AS m FROM n;
--|   |        ^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Write APPROX_PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY x).

-- The 95th of a hundred values is 95000; a range is a few hundred wide there.
SELECT ABS(APPROX_PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY v) - 95000) <= 95000 / 256 AS near FROM (SELECT v * 1000 AS v FROM (VALUES (0)) AS o(z), UNNEST(GENERATE_SERIES(1, 100)) AS s(v));
--| +I[true]
