-- Double 11, producer: writes the generated order stream to the Kafka topic `orders` as JSON.
--
--   sloth run producer-kafka.sql --var KAFKA=localhost:9092

CREATE TABLE generated (
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
  created_at TIMESTAMP_LTZ(3)
) WITH (
  'connector'       = 'orders',
  'rows-per-second' = '50000',
  'surge'           = '3',
  'scan.parallelism' = '1'   -- one split keeps the events in order within each partition of the topic
);

CREATE TABLE orders_topic WITH (
  'connector'                    = 'kafka',
  'topic'                        = 'orders',
  'properties.bootstrap.servers' = '${KAFKA}',
  'format'                       = 'json'
) LIKE generated (EXCLUDING OPTIONS);

INSERT INTO orders_topic SELECT * FROM generated;
