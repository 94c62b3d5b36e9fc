-- Nexmark q13: bids with a value from a side table, a file of lines `key,value` (here joined like any other table).

CREATE TABLE side_input (
  key     BIGINT,
  `value` STRING
) WITH ('connector' = 'filesystem', 'path' = '${SIDE_FILE}', 'format' = 'csv');

CREATE TABLE nexmark_q13 (
  auction    BIGINT,
  bidder     BIGINT,
  price      BIGINT,
  `dateTime` TIMESTAMP(3),
  `value`    STRING
) WITH ('connector' = '${SINK}');

INSERT INTO nexmark_q13
SELECT b.auction, b.bidder, b.price, b.`dateTime`, s.`value`
FROM bid AS b
JOIN side_input AS s ON s.key = MOD(b.auction, 10000);
