-- Of no rows an aggregation without GROUP BY has one row, one with it has none.
SELECT COUNT(*) AS n, SUM(x) AS s, MAX(x) AS m, AVG(x) AS a FROM (VALUES (1)) AS t(x) WHERE x > 5;
--| +I[0, null, null, null]

SELECT x, COUNT(*) AS n FROM (VALUES (1)) AS t(x) WHERE x > 5 GROUP BY x;

SELECT COUNT(*) AS n FROM (VALUES (1)) AS t(x) WHERE x > 5 GROUP BY ();
--| +I[0]
