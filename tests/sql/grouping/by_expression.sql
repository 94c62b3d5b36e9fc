-- Groups by expressions, and HAVING over them.
SELECT x / 10 AS tens, COUNT(*) AS n, MAX(x) AS most FROM (VALUES (1), (5), (12), (19), (25)) AS t(x) GROUP BY x / 10 HAVING COUNT(*) > 1;
--| +I[0, 2, 5]
--| +I[1, 2, 19]
