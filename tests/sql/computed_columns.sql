-- Computed columns stand beside the physical ones and may use them.
CREATE TABLE prices (
  id INT,
  price DECIMAL(10, 2),
  quantity INT,
  total AS price * quantity,
  label AS 'item ' || CAST(id AS STRING),
  double_total AS price * quantity * 2
) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,9.99,2
2,1.00,10
');

SELECT * FROM prices;
--| +I[1, 9.99, 2, 19.98, item 1, 39.96]
--| +I[2, 1.00, 10, 10.00, item 2, 20.00]

SELECT label FROM prices WHERE total > 10;
--| +I[item 1]

DESCRIBE prices;
--| +--------------+----------------+------+-----+----------------------------------+-----------+
--| | name         | type           | null | key | extras                           | watermark |
--| +--------------+----------------+------+-----+----------------------------------+-----------+
--| | id           | INT            | true |     |                                  |           |
--| | price        | DECIMAL(10, 2) | true |     |                                  |           |
--| | quantity     | INT            | true |     |                                  |           |
--| | total        | DECIMAL(21, 2) | true |     | AS price * quantity              |           |
--| | label        | STRING         | true |     | AS 'item ' || CAST(id AS STRING) |           |
--| | double_total | DECIMAL(38, 2) | true |     | AS price * quantity * 2          |           |
--| +--------------+----------------+------+-----+----------------------------------+-----------+

-- An INSERT leaves computed columns out.
CREATE TABLE out_prices (id INT, twice AS id * 2, price DECIMAL(10, 2)) WITH ('connector' = 'print');
INSERT INTO out_prices SELECT id, price FROM prices;
--| out_prices:
--| +I[1, 9.99]
--| +I[2, 1.00]
