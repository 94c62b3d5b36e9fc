-- Double 11, the screen: one table for each tile of screen.yaml, and the query that keeps it up to date.
--
-- Run it after a script that declares table `orders`: source-embedded.sql or source-kafka.sql.
-- Everything below is one job: `orders` is read once, and all tiles show the same moment.

-- ---------------------------------------------------------------------------------------------------------------
-- What happened, by kind.

CREATE VIEW placed AS
SELECT order_id, buyer_id, merchant, product, category, province, city, amount, quantity, event_time, created_at
FROM orders WHERE event_type = 'order';

CREATE VIEW payments AS
SELECT order_id, status, event_time FROM orders WHERE event_type = 'payment';

CREATE VIEW visits AS
SELECT buyer_id, event_time FROM orders WHERE event_type = 'visit';

-- ---------------------------------------------------------------------------------------------------------------
-- The tiles. Sales are the amounts of orders placed.

-- The flip counter: one row that changes with every order.
CREATE TABLE total_sales (
  sales  DECIMAL(20, 2),
  orders BIGINT
) WITH ('connector' = 'screen');

-- Orders of each second.
CREATE TABLE orders_per_second (
  window_start TIMESTAMP(3),
  orders       BIGINT
) WITH ('connector' = 'screen');

-- One row for each category, and for each province.
CREATE TABLE sales_by_category (
  category STRING,
  sales    DECIMAL(20, 2),
  orders   BIGINT
) WITH ('connector' = 'screen');

CREATE TABLE sales_by_province (
  province STRING,
  sales    DECIMAL(20, 2),
  orders   BIGINT
) WITH ('connector' = 'screen');

-- Every merchant's sales in this minute so far. The tile sorts them and shows the first ones.
CREATE TABLE top_merchants (
  window_start TIMESTAMP(3),
  window_end   TIMESTAMP(3),
  merchant     STRING,
  sales        DECIMAL(20, 2)
) WITH ('connector' = 'screen');

-- The trend: sales and orders of each 5 seconds.
CREATE TABLE sales_trend (
  window_start TIMESTAMP(3),
  sales        DECIMAL(20, 2),
  orders       BIGINT
) WITH ('connector' = 'screen');

-- Share of payments that succeeded, in the last minute.
CREATE TABLE payment_success (
  window_end TIMESTAMP(3),
  rate       DOUBLE,
  payments   BIGINT
) WITH ('connector' = 'screen');

-- Different buyers who looked at something in the last minute.
CREATE TABLE buyers_online (
  window_end TIMESTAMP(3),
  buyers     BIGINT
) WITH ('connector' = 'screen');

-- Orders of 50,000 yuan and more, as they come.
CREATE TABLE big_orders (
  created_at TIMESTAMP_LTZ(3),
  province   STRING,
  city       STRING,
  merchant   STRING,
  product    STRING,
  amount     DECIMAL(12, 2)
) WITH ('connector' = 'screen', 'screen.rows' = '50');

-- ---------------------------------------------------------------------------------------------------------------
-- The queries.

EXECUTE STATEMENT SET
BEGIN

INSERT INTO total_sales
SELECT SUM(amount) AS sales, COUNT(*) AS orders
FROM placed;

-- TUMBLE: every order is in exactly one window of a second.
INSERT INTO orders_per_second
SELECT window_start, COUNT(*) AS orders
FROM TABLE(TUMBLE(TABLE placed, DESCRIPTOR(event_time), INTERVAL '1' SECOND))
GROUP BY window_start, window_end;

INSERT INTO sales_by_category
SELECT category, SUM(amount) AS sales, COUNT(*) AS orders
FROM placed
GROUP BY category;

INSERT INTO sales_by_province
SELECT province, SUM(amount) AS sales, COUNT(*) AS orders
FROM placed
GROUP BY province;

-- CUMULATE: windows that begin on the minute and grow by 5 seconds, so that the ranking of the minute is there before
-- the minute is over.
INSERT INTO top_merchants
SELECT window_start, window_end, merchant, SUM(amount) AS sales
FROM TABLE(CUMULATE(TABLE placed, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, merchant;

INSERT INTO sales_trend
SELECT window_start, SUM(amount) AS sales, COUNT(*) AS orders
FROM TABLE(TUMBLE(TABLE placed, DESCRIPTOR(event_time), INTERVAL '5' SECOND))
GROUP BY window_start, window_end;

-- HOP: windows of a minute, a new one every 5 seconds.
INSERT INTO payment_success
SELECT
  window_end,
  CAST(COUNT(*) FILTER (WHERE status = 'success') AS DOUBLE) / COUNT(*) AS rate,
  COUNT(*) AS payments
FROM TABLE(HOP(TABLE payments, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '1' MINUTE))
GROUP BY window_start, window_end;

INSERT INTO buyers_online
SELECT window_end, COUNT(DISTINCT buyer_id) AS buyers
FROM TABLE(HOP(TABLE visits, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '1' MINUTE))
GROUP BY window_start, window_end;

-- No window, no group: a filter hands rows on at once.
INSERT INTO big_orders
SELECT created_at, province, city, merchant, product, amount
FROM placed
WHERE amount >= 50000;

END;
