-- Ranks count NULL as the smallest value, equal to other NULLs.
SELECT x, r, d FROM (SELECT x, RANK() OVER (ORDER BY x) AS r, DENSE_RANK() OVER (ORDER BY x DESC) AS d FROM (VALUES (5), (NULL), (NULL), (7)) AS t(x));
--| +I[5, 3, 2]
--| +I[7, 4, 1]
--| +I[null, 1, 3]
--| +I[null, 1, 3]
