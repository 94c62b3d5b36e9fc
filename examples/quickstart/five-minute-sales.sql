-- Total sales of every five minutes: half an hour of orders, replayed in six seconds.
--
--   sloth run examples/quickstart/five-minute-sales.sql

CREATE TABLE shop_events (
  event_type STRING,             -- visits, orders, payments, refunds
  order_id   BIGINT,
  amount     DECIMAL(12, 2),
  event_time TIMESTAMP(3),
  WATERMARK FOR event_time AS event_time - INTERVAL '2' SECOND
) WITH (
  'connector'       = 'orders',
  'start-time'      = '2026-11-11 00:00:00',
  'rows-per-second' = '10000',
  'surge'           = '1',
  'speed'           = '300',
  'number-of-rows'  = '60000'
);

CREATE VIEW orders AS
SELECT order_id, amount, event_time FROM shop_events WHERE event_type = 'order';

CREATE TABLE sales (
  window_start TIMESTAMP(3),
  total_sales  DECIMAL(20, 2)
) WITH ('connector' = 'print');

INSERT INTO sales
SELECT TUMBLE_START(event_time, INTERVAL '5' MINUTE) AS window_start, SUM(amount) AS total_sales
FROM orders GROUP BY TUMBLE(event_time, INTERVAL '5' MINUTE);
