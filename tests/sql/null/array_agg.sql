-- ARRAY_AGG keeps NULL, STRING_AGG leaves it out.
SELECT k, ARRAY_AGG(x ORDER BY id) AS a, STRING_AGG(x, ',' ORDER BY id) AS s FROM (VALUES (1, 'k', 'a'), (2, 'k', NULL), (3, 'k', 'b')) AS t(id, k, x) GROUP BY k;
--| +I[k, [a, null, b], a,b]
