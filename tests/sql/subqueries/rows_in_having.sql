-- A row with aggregates among the rows of a subquery.
SELECT k, COUNT(*) AS n FROM (VALUES ('a'), ('a'), ('b')) AS t(k) GROUP BY k HAVING (k, COUNT(*)) IN (SELECT x, n FROM (VALUES ('a', 2), ('b', 2)) AS u(x, n));
--| +I[a, 2]

SELECT k FROM (VALUES ('a'), ('a'), ('b')) AS t(k) GROUP BY k HAVING COUNT(*) > 0 AND (k, COUNT(*)) NOT IN (SELECT x, n FROM (VALUES ('a', 2), ('b', 2)) AS u(x, n));
--| +I[b]
