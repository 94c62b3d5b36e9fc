-- INTERSECT ALL keeps a row as often as both have it.
SELECT x FROM (VALUES (1), (1), (1), (2)) AS t(x) INTERSECT ALL SELECT y FROM (VALUES (1), (1), (3)) AS u(y);
--| +I[1]
--| +I[1]

SELECT x FROM (VALUES (1), (1), (1), (2)) AS t(x) INTERSECT SELECT y FROM (VALUES (1), (1), (3)) AS u(y);
--| +I[1]
