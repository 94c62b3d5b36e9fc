-- INTERSECT binds tighter than UNION and EXCEPT; brackets say otherwise.
SELECT x FROM (VALUES (1)) AS a(x) UNION SELECT x FROM (VALUES (2), (3)) AS b(x) INTERSECT SELECT x FROM (VALUES (3)) AS c(x);
--| +I[1]
--| +I[3]

(SELECT x FROM (VALUES (1)) AS a(x) UNION SELECT x FROM (VALUES (2), (3)) AS b(x)) INTERSECT SELECT x FROM (VALUES (3)) AS c(x);
--| +I[3]
