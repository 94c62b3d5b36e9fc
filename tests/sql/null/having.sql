-- HAVING keeps a group only when its condition is true.
SELECT k, SUM(x) AS s FROM (VALUES ('a', 1), ('b', NULL), ('c', -1)) AS t(k, x) GROUP BY k HAVING SUM(x) > 0;
--| +I[a, 1]

SELECT k, SUM(x) AS s FROM (VALUES ('a', 1), ('b', NULL), ('c', -1)) AS t(k, x) GROUP BY k HAVING NOT SUM(x) > 0;
--| +I[c, -1]
