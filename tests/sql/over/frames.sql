-- ROWS frames around a row: they end where the partition does.
SELECT id, SUM(x) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS around, SUM(x) OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS ahead, COUNT(*) OVER (ORDER BY id ROWS BETWEEN 5 PRECEDING AND 4 PRECEDING) AS none FROM (VALUES (1, 1), (2, 2), (3, 4)) AS t(id, x);
--| +I[1, 3, 6, 0]
--| +I[2, 7, 4, 0]
--| +I[3, 6, null, 0]
