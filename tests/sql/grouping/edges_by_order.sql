-- The first and last values of groups by an order: values that were passed over and come again are counted right.
SELECT k, FIRST_VALUE(x ORDER BY id) AS f, LAST_VALUE(x ORDER BY id) AS l FROM (VALUES (1, 'a', 'p'), (2, 'b', 'q'), (3, 'a', 'r'), (4, 'a', 'p'), (5, 'c', 's'), (6, 'b', 'q'), (7, 'c', 't'), (8, 'd', 'r'), (9, 'd', 'u'), (10, 'e', 'v'), (11, 'a', 'w')) AS t(id, k, x) GROUP BY k;
--| +I[a, p, w]
--| +I[b, q, q]
--| +I[c, s, t]
--| +I[d, r, u]
--| +I[e, v, v]

SELECT k, MIN(a) AS lo, MAX(a) AS hi FROM (VALUES (1, ARRAY[3]), (1, ARRAY[2]), (2, ARRAY[9]), (1, ARRAY[1]), (2, ARRAY[3]), (2, ARRAY[10])) AS t(k, a) GROUP BY k;
--| +I[1, [1], [3]]
--| +I[2, [3], [10]]
