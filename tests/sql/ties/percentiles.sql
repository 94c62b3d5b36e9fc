-- PERCENTILE_CONT lies between values; equal values count as often as they are there.
SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x) AS middle, PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY x) AS quarter, MEDIAN(x) AS med FROM (VALUES (1e0), (2e0), (2e0), (10e0)) AS t(x);
--| +I[2.0, 1.75, 2.0]
