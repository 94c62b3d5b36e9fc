-- Arrays and rows are keys like others.
SELECT a, COUNT(*) AS n FROM (VALUES (ARRAY[1, 2]), (ARRAY[1, 2]), (ARRAY[2, 1])) AS t(a) GROUP BY a;
--| +I[[1, 2], 2]
--| +I[[2, 1], 1]
