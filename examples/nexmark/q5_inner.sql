-- Nexmark q5, its inner aggregate: bids for each auction in windows of 10 seconds, a new one every 2 seconds.

CREATE TABLE nexmark_q5_inner (
  auction   BIGINT,
  num       BIGINT,
  starttime TIMESTAMP(3),
  endtime   TIMESTAMP(3)
) WITH ('connector' = '${SINK}');

INSERT INTO nexmark_q5_inner
SELECT auction, COUNT(*) AS num, window_start AS starttime, window_end AS endtime
FROM TABLE(HOP(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
GROUP BY auction, window_start, window_end;
