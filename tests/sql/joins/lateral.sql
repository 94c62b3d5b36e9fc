-- LATERAL: a subquery for each row of the left side.
SELECT t.x, s.y FROM (VALUES (1), (2), (3)) AS t(x) CROSS JOIN LATERAL (SELECT y FROM (VALUES (1, 'a'), (1, 'b'), (2, 'c')) AS u(x, y) WHERE u.x = t.x) AS s;
--| +I[1, a]
--| +I[1, b]
--| +I[2, c]

SELECT t.x, s.n FROM (VALUES (1), (3)) AS t(x) LEFT JOIN LATERAL (SELECT COUNT(*) AS n FROM (VALUES (1), (1)) AS u(x) WHERE u.x = t.x) AS s ON TRUE;
--| +I[1, 2]
--| +I[3, 0]
