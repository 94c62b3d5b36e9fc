-- UNNEST … WITH ORDINALITY: each element with its place, counted from 1.
CREATE TABLE carts (id INT, goods ARRAY<STRING>, lines ARRAY<ROW<sku STRING, amount INT>>, marks MAP<STRING, INT>) WITH (
  'connector' = 'inline', 'format' = 'json', 'data' = '
{"id": 1, "goods": ["a", "b"], "lines": [{"sku": "s1", "amount": 2}, {"sku": "s2", "amount": 3}], "marks": {"x": 1, "y": 2}}
{"id": 2, "goods": [], "lines": [], "marks": {}}
{"id": 3, "goods": ["c", null], "lines": [{"sku": "s3", "amount": null}], "marks": null}
{"id": 4, "goods": null, "lines": null, "marks": null}
');

SELECT id, good, n FROM carts CROSS JOIN UNNEST(goods) WITH ORDINALITY AS t(good, n);
--| +I[1, a, 1]
--| +I[1, b, 2]
--| +I[3, c, 1]
--| +I[3, null, 2]

SELECT id, good, n FROM carts LEFT JOIN UNNEST(goods) WITH ORDINALITY AS t(good, n) ON TRUE;
--| +I[1, a, 1]
--| +I[1, b, 2]
--| +I[2, null, null]
--| +I[3, c, 1]
--| +I[3, null, 2]
--| +I[4, null, null]

SELECT id, sku, amount, n FROM carts CROSS JOIN UNNEST(lines) WITH ORDINALITY AS t(sku, amount, n);
--| +I[1, s1, 2, 1]
--| +I[1, s2, 3, 2]
--| +I[3, s3, null, 1]

SELECT id, k, v, n FROM carts CROSS JOIN UNNEST(marks) WITH ORDINALITY AS t(k, v, n);
--| +I[1, x, 1, 1]
--| +I[1, y, 2, 2]

SELECT id, good FROM carts CROSS JOIN UNNEST(goods) WITH ORDINALITY AS t(good, n) WHERE n = 1;
--| +I[1, a]
--| +I[3, c]

SELECT n, COUNT(*) AS how_many FROM carts CROSS JOIN UNNEST(goods) WITH ORDINALITY AS t(good, n) GROUP BY n;
--| +I[1, 2]
--| +I[2, 2]

SELECT id, good FROM carts CROSS JOIN UNNEST(goods) WITH ORDINALITY AS t(good);
--| error: UNNEST gives 2 columns, its alias names 1
--|  --> unnest_ordinality.sql:1:1
--|   |
--| 1 | SELECT id, good FROM carts CROSS JOIN UNNEST(goods) WITH ORDINALITY AS t(good);
--|   | ^^^^^^
