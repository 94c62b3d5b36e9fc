-- Subqueries in subqueries.
SELECT x FROM (VALUES (1), (2), (3)) AS t(x) WHERE x IN (SELECT y FROM (VALUES (1), (2)) AS u(y) WHERE y IN (SELECT z FROM (VALUES (2), (3)) AS v(z)));
--| +I[2]
