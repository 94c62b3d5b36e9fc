-- Nexmark q5: the auctions with most bids in the last 10 seconds, every 2 seconds. A join within windows.

CREATE TABLE nexmark_q5 (
  auction BIGINT,
  num     BIGINT
) WITH ('connector' = '${SINK}');

CREATE VIEW auction_bids AS
SELECT auction, COUNT(*) AS num, window_start AS starttime, window_end AS endtime
FROM TABLE(HOP(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
GROUP BY auction, window_start, window_end;

INSERT INTO nexmark_q5
SELECT a.auction, a.num
FROM auction_bids AS a
JOIN (
  SELECT starttime, endtime, MAX(num) AS most
  FROM auction_bids
  GROUP BY starttime, endtime
) AS m ON a.starttime = m.starttime AND a.endtime = m.endtime AND a.num >= m.most;
