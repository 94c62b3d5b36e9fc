-- The grand total is there also of no rows, other sets are not.
SELECT a, COUNT(*) AS n, SUM(x) AS s FROM (VALUES ('p', 1)) AS t(a, x) WHERE x > 5 GROUP BY ROLLUP (a);
--| +I[null, 0, null]
