-- Double 11, source: the order stream from the generator inside Sloth.
--
--   sloth run source-embedded.sql tiles.sql
--
-- Table `orders` carries every event of the shop; `event_type` says which:
--   visit     somebody looks at a product (no order, no amount)
--   order     an order is placed
--   payment   an order is paid, 1 to 60 s later; status 'success' (about 97 %) or 'failed'
--   refund    a paid order is given back
--
-- The rate starts at three times 'rows-per-second' (midnight!) and settles within a few minutes.

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
  created_at TIMESTAMP_LTZ(3),   -- wall clock when the row was made: what latency is measured from
  -- Rows arrive up to 2 s out of order, so windows wait for 2 s of event time. A few rows ('late-ratio') come minutes
  -- late. Those are behind the watermark: windows that have closed do not change any more, so the rows are counted
  -- as late (see the status line and /metrics); plain totals still take them in.
  WATERMARK FOR event_time AS event_time - INTERVAL '2' SECOND
) WITH (
  'connector'       = 'orders',
  'rows-per-second' = '50000',
  'surge'           = '3',
  'disorder'        = '2 s',
  'late-ratio'      = '0.0005'
);
