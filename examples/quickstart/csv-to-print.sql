-- A CSV file as a table: the orders of 100 and more. The file ends, so the job ends.
--
--   sloth run examples/quickstart/csv-to-print.sql

CREATE TABLE orders (
  order_id   BIGINT,
  customer   STRING,
  amount     DECIMAL(10, 2),
  event_time TIMESTAMP(3)
) WITH (
  'connector' = 'filesystem',
  'path'      = 'examples/quickstart/orders.csv',
  'format'    = 'csv'
);

CREATE TABLE big_orders (
  order_id BIGINT,
  customer STRING,
  amount   DECIMAL(10, 2)
) WITH ('connector' = 'print');

INSERT INTO big_orders
SELECT order_id, customer, amount
FROM orders
WHERE amount >= 100;
