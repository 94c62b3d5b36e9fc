-- Nexmark q10: all bids, with the day and the minute that a log would be partitioned by.

CREATE TABLE nexmark_q10 (
  auction    BIGINT,
  bidder     BIGINT,
  price      BIGINT,
  `dateTime` TIMESTAMP(3),
  extra      STRING,
  dt         STRING,
  hm         STRING
) WITH ('connector' = '${SINK}');

INSERT INTO nexmark_q10
SELECT
  auction,
  bidder,
  price,
  `dateTime`,
  extra,
  DATE_FORMAT(`dateTime`, 'yyyy-MM-dd') AS dt,
  DATE_FORMAT(`dateTime`, 'HH:mm') AS hm
FROM bid;
