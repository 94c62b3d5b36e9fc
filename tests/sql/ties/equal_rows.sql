-- Rows that are equal in all columns each have a number of their own.
SELECT x, n FROM (SELECT x, ROW_NUMBER() OVER (PARTITION BY x ORDER BY x) AS n FROM (VALUES ('a'), ('a'), ('b'), ('a')) AS t(x)) WHERE n <= 2;
--| +I[a, 1]
--| +I[a, 2]
--| +I[b, 1]
