-- NULL partition keys make one partition.
SELECT k, x, SUM(x) OVER (PARTITION BY k) AS s FROM (VALUES ('a', 1), (NULL, 2), (NULL, 3)) AS t(k, x);
--| +I[a, 1, 1]
--| +I[null, 2, 5]
--| +I[null, 3, 5]
