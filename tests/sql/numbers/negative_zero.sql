-- -0 equals 0: one group, one distinct value.
SELECT COUNT(*) AS n, COUNT(DISTINCT x) AS d FROM (VALUES (0e0), (-0e0)) AS t(x) GROUP BY x;
--| +I[2, 1]
