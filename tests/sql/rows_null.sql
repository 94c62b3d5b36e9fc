-- Fields of ROWs that are NULL, or that a condition has made NULL; fields behind brackets and calls.

CREATE TABLE bids (
  id    INT,
  bid   ROW<price INT, seller ROW<name STRING, tags ARRAY<STRING>>>,
  bids  ARRAY<ROW<price INT>>
) WITH ('connector' = 'inline', 'format' = 'json', 'data' = '
{"id":1,"bid":{"price":5,"seller":{"name":"ann","tags":["x"]}},"bids":[{"price":7},{"price":8}]}
{"id":2,"bid":{"price":6,"seller":{"name":"bob","tags":[]}},"bids":[]}
{"id":3,"bid":null,"bids":null}
{"id":4,"bid":{"price":null,"seller":null},"bids":[null]}
');

-- What a condition takes away is gone, fields and all.
SELECT id, b.price AS price, b.seller.name AS name, b.seller.tags[1] AS tag, b IS NULL AS gone
FROM (SELECT id, CASE WHEN id > 1 THEN bid END AS b FROM bids);
--| +I[1, null, null, null, true]
--| +I[2, 6, bob, null, false]
--| +I[3, null, null, null, true]
--| +I[4, null, null, null, false]

SELECT id, (CASE WHEN id > 1 THEN bid END).price AS price, COALESCE(CASE WHEN id > 1 THEN bid END, bid).price AS either FROM bids;
--| +I[1, null, 5]
--| +I[2, 6, 6]
--| +I[3, null, null]
--| +I[4, null, null]

-- The field of an element.
SELECT id, bids[1].price AS first_price, bids[2].price + 1 AS second_price FROM bids;
--| +I[1, 7, 9]
--| +I[2, null, null]
--| +I[3, null, null]
--| +I[4, null, null]

SELECT COUNT(*) AS n, COUNT(b.price) AS priced, SUM(b.price) AS total, MAX(b.seller.name) AS name
FROM (SELECT NULLIF(id, 1) IS NULL AS first, CASE WHEN id > 1 THEN bid END AS b FROM bids);
--| +I[4, 1, 6, bob]
