-- || and CONCAT are NULL when a part is; CONCAT_WS leaves NULL out.
SELECT a || b AS bars, CONCAT(a, b) AS con, CONCAT_WS('-', a, b) AS ws FROM (VALUES ('x', 'y'), ('x', NULL), (NULL, NULL)) AS t(a, b);
--| +I[null, null, ]
--| +I[null, null, x]
--| +I[xy, xy, x-y]
