-- Nexmark q4: the average of the highest bids on the auctions of each category. Every new highest bid corrects it.

CREATE TABLE nexmark_q4 (
  id      BIGINT,
  `final` BIGINT
) WITH ('connector' = '${SINK}');

INSERT INTO nexmark_q4
SELECT category AS id, AVG(highest) AS `final`
FROM (
  SELECT a.id, a.category, MAX(b.price) AS highest
  FROM auction AS a
  JOIN bid AS b ON b.auction = a.id
  WHERE b.`dateTime` BETWEEN a.`dateTime` AND a.expires
  GROUP BY a.id, a.category
)
GROUP BY category;
