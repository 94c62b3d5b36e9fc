-- RANK leaves gaps behind equals, DENSE_RANK none, ROW_NUMBER knows no equals.
SELECT x, RANK() OVER (ORDER BY x DESC) AS r, DENSE_RANK() OVER (ORDER BY x DESC) AS d, ROW_NUMBER() OVER (ORDER BY x DESC) AS n FROM (VALUES (10), (20), (20), (30)) AS t(x);
--| +I[10, 4, 3, 4]
--| +I[20, 2, 2, 2]
--| +I[20, 2, 2, 3]
--| +I[30, 1, 1, 1]
