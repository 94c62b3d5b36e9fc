-- Random payments, added up second by second. Ctrl-C ends it.
--
--   sloth run examples/quickstart/tumbling-sum.sql

CREATE TABLE payments (
  account BIGINT,
  amount  DECIMAL(10, 2),
  paid_at TIMESTAMP(3),
  WATERMARK FOR paid_at AS paid_at
) WITH (
  'connector'          = 'datagen',
  'rows-per-second'    = '1000',
  'fields.account.min' = '1',
  'fields.account.max' = '100',
  'fields.amount.min'  = '0.01',
  'fields.amount.max'  = '500.00'
);

CREATE TABLE per_second (
  window_start TIMESTAMP(3),
  payments     BIGINT,
  total        DECIMAL(20, 2)
) WITH ('connector' = 'print');

INSERT INTO per_second
SELECT window_start, COUNT(*) AS payments, SUM(amount) AS total
FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(paid_at), INTERVAL '1' SECOND))
GROUP BY window_start, window_end;
