-- Nexmark q6: for each seller the average selling price of the auction and the ten before it. Flink cannot stream it.

CREATE TABLE nexmark_q6 (
  seller    BIGINT,
  avg_price BIGINT
) WITH ('connector' = '${SINK}');

INSERT INTO nexmark_q6
SELECT
  seller,
  AVG(price) OVER (PARTITION BY seller ORDER BY `dateTime` ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) AS avg_price
FROM (
  SELECT
    a.seller,
    b.price,
    b.`dateTime`,
    ROW_NUMBER() OVER (PARTITION BY a.id, a.seller ORDER BY b.price DESC, b.`dateTime`) AS place
  FROM auction AS a
  JOIN bid AS b ON b.auction = a.id
  WHERE b.`dateTime` BETWEEN a.`dateTime` AND a.expires
)
WHERE place <= 1;
