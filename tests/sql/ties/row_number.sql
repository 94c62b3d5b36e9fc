-- Equal rows in the order of ROW_NUMBER are numbered by their other columns, so that the result is one.
SELECT id, n FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY x) AS n FROM (VALUES (3, 1), (1, 1), (2, 1), (4, 0)) AS t(id, x));
--| +I[1, 2]
--| +I[2, 3]
--| +I[3, 4]
--| +I[4, 1]
