-- Double 11, source: the order stream from Kafka, where producer-kafka.sql writes it.
--
--   sloth run source-kafka.sql tiles.sql --var KAFKA=localhost:9092
--
-- The columns are those of source-embedded.sql: tiles.sql does not notice the difference.

CREATE TABLE orders (
  event_type STRING,
  order_id   BIGINT,
  buyer_id   BIGINT,
  merchant   STRING,
  product    STRING,
  category   STRING,
  province   STRING,
  city       STRING,
  amount     DECIMAL(12, 2),
  quantity   INT,
  pay_method STRING,
  status     STRING,
  event_time TIMESTAMP(3),
  created_at TIMESTAMP_LTZ(3),
  -- The watermark is kept for each partition and is the smallest of them, so a partition that is read faster than
  -- another makes no row late.
  WATERMARK FOR event_time AS event_time - INTERVAL '2' SECOND
) WITH (
  'connector'                    = 'kafka',
  'topic'                        = 'orders',
  'properties.bootstrap.servers' = '${KAFKA}',
  'properties.group.id'          = 'sloth-double11',
  'scan.startup.mode'            = 'latest-offset',
  'format'                       = 'json'
  -- A record that is not valid JSON or does not fit the columns does not stop the screen: it is counted and kept as
  -- a bad record, with its bytes and the reason.
);
