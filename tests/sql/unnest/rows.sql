-- UNNEST of an array of rows gives their fields as columns.
SELECT id, name, n FROM (VALUES (1, ARRAY[ROW('x', 1), ROW('y', 2)])) AS t(id, a) CROSS JOIN UNNEST(a) AS u(name, n);
--| +I[1, x, 1]
--| +I[1, y, 2]
