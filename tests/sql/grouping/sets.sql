-- GROUPING SETS: exactly those that are written, one that is written twice comes twice.
SELECT a, b, COUNT(*) AS n FROM (VALUES ('p', 'u'), ('p', 'v'), ('q', 'u')) AS t(a, b) GROUP BY GROUPING SETS ((a), (b), ());
--| +I[null, null, 3]
--| +I[null, u, 2]
--| +I[null, v, 1]
--| +I[p, null, 2]
--| +I[q, null, 1]

SELECT a, COUNT(*) AS n FROM (VALUES ('p'), ('q')) AS t(a) GROUP BY GROUPING SETS ((a), (a));
--| +I[p, 1]
--| +I[p, 1]
--| +I[q, 1]
--| +I[q, 1]
