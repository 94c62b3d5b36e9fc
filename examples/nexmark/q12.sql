-- Nexmark q12: bids of each bidder in 10 seconds of processing time. The result depends on when the rows are read.

CREATE TABLE nexmark_q12 (
  bidder    BIGINT,
  bid_count BIGINT,
  starttime TIMESTAMP(3),
  endtime   TIMESTAMP(3)
) WITH ('connector' = '${SINK}');

CREATE VIEW bid_as_read AS
SELECT *, PROCTIME() AS read_at
FROM bid;

INSERT INTO nexmark_q12
SELECT bidder, COUNT(*) AS bid_count, window_start AS starttime, window_end AS endtime
FROM TABLE(TUMBLE(TABLE bid_as_read, DESCRIPTOR(read_at), INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end;
