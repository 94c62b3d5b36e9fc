-- A RANGE frame ends with the last of the equals, a ROWS frame with the row.
SELECT id, x, SUM(x) OVER (ORDER BY x) AS by_range, SUM(x) OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS by_rows FROM (VALUES (1, 1), (2, 2), (3, 2), (4, 5)) AS t(id, x);
--| +I[1, 1, 1, 1]
--| +I[2, 2, 5, 3]
--| +I[3, 2, 5, 5]
--| +I[4, 5, 10, 10]
