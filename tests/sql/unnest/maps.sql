-- UNNEST of a map gives its keys and values.
SELECT id, k, v FROM (VALUES (1, MAP['a', 10, 'b', 20])) AS t(id, m) CROSS JOIN UNNEST(m) AS u(k, v);
--| +I[1, a, 10]
--| +I[1, b, 20]
