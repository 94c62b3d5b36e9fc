-- Sums of whole numbers keep their type and wrap, as in Flink.
SELECT SUM(x) AS s FROM (VALUES (CAST(2147483647 AS INT)), (CAST(1 AS INT))) AS t(x);
--| +I[-2147483648]
