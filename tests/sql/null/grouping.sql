-- GROUPING tells the NULL of a total from the NULL of a key.
SELECT k, GROUPING(k) AS total, COUNT(*) AS n FROM (VALUES ('a'), (NULL), ('a')) AS t(k) GROUP BY ROLLUP (k);
--| +I[a, 0, 2]
--| +I[null, 0, 1]
--| +I[null, 1, 3]
