-- ROLLUP: totals from the last key to all of them.
SELECT a, b, SUM(x) AS s, GROUPING(a) AS ga, GROUPING(b) AS gb, GROUPING_ID(a, b) AS g FROM (VALUES ('p', 'u', 1), ('p', 'v', 2), ('q', 'u', 4)) AS t(a, b, x) GROUP BY ROLLUP (a, b);
--| +I[null, null, 7, 1, 1, 3]
--| +I[p, null, 3, 0, 1, 1]
--| +I[p, u, 1, 0, 0, 0]
--| +I[p, v, 2, 0, 0, 0]
--| +I[q, null, 4, 0, 1, 1]
--| +I[q, u, 4, 0, 0, 0]
