-- A total for each row: zero and NULL where there is nothing.
SELECT x, (SELECT COUNT(*) FROM (VALUES (1), (1)) AS u(y) WHERE y = x) AS n, (SELECT SUM(y) FROM (VALUES (1), (1)) AS u(y) WHERE y = x) AS s FROM (VALUES (1), (2)) AS t(x);
--| +I[1, 2, 2]
--| +I[2, 0, null]
