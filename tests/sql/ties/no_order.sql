-- OVER without an order: all rows of the partition are equals.
SELECT k, x, SUM(x) OVER (PARTITION BY k) AS s, COUNT(*) OVER () AS all_, RANK() OVER (PARTITION BY k) AS r FROM (VALUES ('a', 1), ('a', 2), ('b', 3)) AS t(k, x);
--| +I[a, 1, 3, 3, 1]
--| +I[a, 2, 3, 3, 1]
--| +I[b, 3, 3, 3, 1]
