-- A WINDOW clause names what several functions share.
SELECT id, SUM(x) OVER w AS s, MAX(x) OVER w AS m, ROW_NUMBER() OVER w AS n FROM (VALUES (1, 5), (2, 3), (3, 9)) AS t(id, x) WINDOW w AS (ORDER BY id);
--| +I[1, 5, 5, 1]
--| +I[2, 8, 5, 2]
--| +I[3, 17, 9, 3]
