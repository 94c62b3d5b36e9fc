-- Outer joins one behind the other: what is padded finds no further partner.
SELECT a.x, b.y, c.z FROM (VALUES (1), (2)) AS a(x) LEFT JOIN (VALUES (1, 10)) AS b(x, y) ON a.x = b.x LEFT JOIN (VALUES (10, 'p'), (20, 'q')) AS c(y, z) ON b.y = c.y;
--| +I[1, 10, p]
--| +I[2, null, null]

SELECT a.x, c.z FROM (VALUES (1), (2)) AS a(x) LEFT JOIN (VALUES (1, 10)) AS b(x, y) ON a.x = b.x JOIN (VALUES (10, 'p')) AS c(y, z) ON b.y = c.y;
--| +I[1, p]
