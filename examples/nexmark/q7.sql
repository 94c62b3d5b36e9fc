-- Nexmark q7: the bids at the highest price of each 10 seconds.

CREATE TABLE nexmark_q7 (
  auction    BIGINT,
  price      BIGINT,
  bidder     BIGINT,
  `dateTime` TIMESTAMP(3),
  extra      STRING
) WITH ('connector' = '${SINK}');

INSERT INTO nexmark_q7
SELECT b.auction, b.price, b.bidder, b.`dateTime`, b.extra
FROM bid AS b
JOIN (
  SELECT MAX(price) AS highest, window_end AS `end`
  FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
  GROUP BY window_start, window_end
) AS w ON b.price = w.highest
WHERE b.`dateTime` BETWEEN w.`end` - INTERVAL '10' SECOND AND w.`end`;
