-- Every aggregate may have a FILTER of its own, with DISTINCT, too.
SELECT COUNT(DISTINCT x) FILTER (WHERE x > 1) AS a, SUM(DISTINCT x) AS b, SUM(x) FILTER (WHERE x > 100) AS c, COUNT(x) FILTER (WHERE x > 100) AS d, ARRAY_AGG(x) FILTER (WHERE x > 100) AS e FROM (VALUES (1), (2), (2), (3)) AS t(x);
--| +I[2, 6, null, 0, null]
