-- Nexmark q7, its inner aggregate: the highest price of each 10 seconds.

CREATE TABLE nexmark_q7_inner (
  maxprice   BIGINT,
  `dateTime` TIMESTAMP(3)
) WITH ('connector' = '${SINK}');

INSERT INTO nexmark_q7_inner
SELECT MAX(price) AS maxprice, window_end AS `dateTime`
FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
