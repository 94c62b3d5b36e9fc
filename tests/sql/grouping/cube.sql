-- CUBE: totals over every choice of keys.
SELECT a, b, SUM(x) AS s FROM (VALUES ('p', 'u', 1), ('p', 'v', 2), ('q', 'u', 4)) AS t(a, b, x) GROUP BY CUBE (a, b);
--| +I[null, null, 7]
--| +I[null, u, 5]
--| +I[null, v, 2]
--| +I[p, null, 3]
--| +I[p, u, 1]
--| +I[p, v, 2]
--| +I[q, null, 4]
--| +I[q, u, 4]
