-- A subquery without rows is NULL as a value.
SELECT x, (SELECT y FROM (VALUES (1, 10)) AS u(k, y) WHERE k = x) AS v FROM (VALUES (1), (2), (NULL)) AS t(x);
--| +I[1, 10]
--| +I[2, null]
--| +I[null, null]
