-- UNNEST: a row for each element.
CREATE TABLE carts (id INT, goods ARRAY<STRING>, lines ARRAY<ROW<sku STRING, amount INT>>) WITH (
  'connector' = 'inline', 'format' = 'json', 'data' = '
{"id": 1, "goods": ["a", "b"], "lines": [{"sku": "s1", "amount": 2}, {"sku": "s2", "amount": 3}]}
{"id": 2, "goods": [], "lines": []}
{"id": 3, "goods": ["c", null], "lines": [{"sku": "s3", "amount": null}]}
{"id": 4, "goods": null, "lines": null}
');

SELECT id, good FROM carts CROSS JOIN UNNEST(goods) AS t(good);
--| +I[1, a]
--| +I[1, b]
--| +I[3, c]
--| +I[3, null]

SELECT id, sku, amount FROM carts CROSS JOIN UNNEST(lines) AS t(sku, amount);
--| +I[1, s1, 2]
--| +I[1, s2, 3]
--| +I[3, s3, null]

SELECT good, COUNT(*) AS n FROM carts CROSS JOIN UNNEST(goods) AS t(good) GROUP BY good;
--| +I[a, 1]
--| +I[b, 1]
--| +I[c, 1]
--| +I[null, 1]

SELECT id, good FROM carts, UNNEST(goods) AS t(good) WHERE good <> 'a';
--| +I[1, b]
--| +I[3, c]
