-- A GROUPS frame counts groups of equals.
SELECT id, x, COUNT(*) OVER (ORDER BY x GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) AS n FROM (VALUES (1, 1), (2, 2), (3, 2), (4, 5)) AS t(id, x);
--| +I[1, 1, 1]
--| +I[2, 2, 3]
--| +I[3, 2, 3]
--| +I[4, 5, 3]
