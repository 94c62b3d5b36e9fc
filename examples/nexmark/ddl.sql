-- Nexmark, source: persons, auctions and bids of an auction site, generated inside Sloth.
--
--   sloth run ddl.sql views.sql q0.sql --var EVENTS=100000 --var SINK=print
--
-- One table carries three kinds of events; `event_type` says which of the three rows is set.

CREATE TABLE nexmark (
  event_type INT,                    -- 0 person, 1 auction, 2 bid
  person ROW<
    id           BIGINT,
    name         STRING,
    emailAddress STRING,
    creditCard   STRING,
    city         STRING,
    state        STRING,
    `dateTime`   TIMESTAMP(3),
    extra        STRING>,
  auction ROW<
    id           BIGINT,
    itemName     STRING,
    description  STRING,
    initialBid   BIGINT,
    reserve      BIGINT,
    `dateTime`   TIMESTAMP(3),
    expires      TIMESTAMP(3),
    seller       BIGINT,
    category     BIGINT,
    extra        STRING>,
  bid ROW<
    auction      BIGINT,
    bidder       BIGINT,
    price        BIGINT,
    channel      STRING,
    url          STRING,
    `dateTime`   TIMESTAMP(3),
    extra        STRING>,
  `dateTime` AS CASE event_type
    WHEN 0 THEN person.`dateTime`
    WHEN 1 THEN auction.`dateTime`
    ELSE bid.`dateTime`
  END,
  WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND
) WITH (
  'connector'        = 'nexmark',
  'events.num'       = '${EVENTS}',
  'first-event.rate' = '10000',      -- of event time: without 'rate.limited' it runs as fast as it can
  'next-event.rate'  = '10000'
);
