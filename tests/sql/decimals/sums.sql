-- SUM of DECIMAL(p, s) is DECIMAL(38, s), AVG has at least six digits behind the point.
SELECT SUM(x) AS s, AVG(x) AS a, MIN(x) AS lo, TYPEOF(SUM(x)) AS t FROM (VALUES (CAST(0.10 AS DECIMAL(5, 2))), (CAST(0.20 AS DECIMAL(5, 2))), (CAST(0.25 AS DECIMAL(5, 2)))) AS t(x);
--| +I[0.55, 0.183333, 0.10, DECIMAL(38, 2)]
