-- Percentiles 0 and 1 are the least and the greatest value; DESC counts from the other end.
SELECT PERCENTILE_CONT(0) WITHIN GROUP (ORDER BY x) AS a, PERCENTILE_CONT(1) WITHIN GROUP (ORDER BY x) AS b, PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY x DESC) AS c FROM (VALUES (1), (2), (4)) AS t(x);
--| +I[1.0, 4.0, 3.0]
