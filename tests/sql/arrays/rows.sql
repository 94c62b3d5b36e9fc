-- Fields of rows by name, rows compared as a whole.
SELECT r.a AS a, r.b AS b, ROW(1, 2) = ROW(1, 2) AS same, ROW(1, 2) = ROW(1, 3) AS other FROM (SELECT CAST(ROW(1, 'x') AS ROW<a INT, b STRING>) AS r FROM (VALUES (1)) AS t(x));
--| +I[1, x, true, false]
