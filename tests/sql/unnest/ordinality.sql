-- WITH ORDINALITY numbers the elements of each array from 1.
SELECT id, x, n FROM (VALUES (1, ARRAY['a', 'b']), (2, ARRAY['c'])) AS t(id, a) CROSS JOIN UNNEST(a) WITH ORDINALITY AS u(x, n);
--| +I[1, a, 1]
--| +I[1, b, 2]
--| +I[2, c, 1]
