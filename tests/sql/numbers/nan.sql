-- NaN equals itself and is larger than everything else, so that it can be grouped and ordered.
SELECT x, COUNT(*) AS n FROM (VALUES (CAST('NaN' AS DOUBLE)), (CAST('NaN' AS DOUBLE)), (1e0)) AS t(x) GROUP BY x;
--| +I[1.0, 1]
--| +I[NaN, 2]

SELECT MAX(x) AS hi, MIN(x) AS lo FROM (VALUES (CAST('NaN' AS DOUBLE)), (CAST('Infinity' AS DOUBLE)), (1e0)) AS t(x);
--| +I[NaN, 1.0]
