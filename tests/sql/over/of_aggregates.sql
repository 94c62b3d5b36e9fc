-- Window functions over the groups of an aggregation.
SELECT k, SUM(x) AS s, RANK() OVER (ORDER BY SUM(x) DESC) AS r, SUM(SUM(x)) OVER () AS total FROM (VALUES ('a', 1), ('a', 2), ('b', 9)) AS t(k, x) GROUP BY k;
--| +I[a, 3, 2, 12]
--| +I[b, 9, 1, 12]
