-- SHOW, DESCRIBE, SHOW CREATE, DROP.
CREATE TABLE orders (
  id INT NOT NULL,
  item ROW<name STRING, price DECIMAL(10, 2)>,
  tags ARRAY<STRING>,
  props MAP<STRING, BIGINT>,
  ts TIMESTAMP(3),
  total AS item.price * 2,
  seen AS PROCTIME(),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND,
  PRIMARY KEY (id) NOT ENFORCED
) COMMENT 'what was bought' WITH ('connector' = 'inline', 'format' = 'json', 'data' = '');
CREATE VIEW expensive AS SELECT id, item.price FROM orders WHERE item.price > 100;

SHOW TABLES;
--| +------------+
--| | table name |
--| +------------+
--| | expensive  |
--| | orders     |
--| +------------+

SHOW VIEWS;
--| +-----------+
--| | view name |
--| +-----------+
--| | expensive |
--| +-----------+

DESCRIBE orders;
--| +-------+--------------------------------------------+-------+---------+-------------------+--------------------------+
--| | name  | type                                       | null  | key     | extras            | watermark                |
--| +-------+--------------------------------------------+-------+---------+-------------------+--------------------------+
--| | id    | INT                                        | false | PRI(id) |                   |                          |
--| | item  | ROW<`name` STRING, `price` DECIMAL(10, 2)> | true  |         |                   |                          |
--| | tags  | ARRAY<STRING>                              | true  |         |                   |                          |
--| | props | MAP<STRING, BIGINT>                        | true  |         |                   |                          |
--| | ts    | TIMESTAMP(3) *ROWTIME*                     | true  |         |                   | ts - INTERVAL '5' SECOND |
--| | total | DECIMAL(31, 2)                             | true  |         | AS item.price * 2 |                          |
--| | seen  | TIMESTAMP_LTZ(3) *PROCTIME*                | true  |         | AS PROCTIME()     |                          |
--| +-------+--------------------------------------------+-------+---------+-------------------+--------------------------+

DESC expensive;
--| +-------+----------------+-------+-----+--------+-----------+
--| | name  | type           | null  | key | extras | watermark |
--| +-------+----------------+-------+-----+--------+-----------+
--| | id    | INT            | false |     |        |           |
--| | price | DECIMAL(10, 2) | true  |     |        |           |
--| +-------+----------------+-------+-----+--------+-----------+

SHOW CREATE TABLE orders;
--| +------------------------------------------------------+
--| | result                                               |
--| +------------------------------------------------------+
--| | CREATE TABLE `orders` (                              |
--| |   `id` INT NOT NULL,                                 |
--| |   `item` ROW<`name` STRING, `price` DECIMAL(10, 2)>, |
--| |   `tags` ARRAY<STRING>,                              |
--| |   `props` MAP<STRING, BIGINT>,                       |
--| |   `ts` TIMESTAMP(3),                                 |
--| |   `total` AS item.price * 2,                         |
--| |   `seen` AS PROCTIME(),                              |
--| |   WATERMARK FOR `ts` AS ts - INTERVAL '5' SECOND,    |
--| |   PRIMARY KEY (`id`) NOT ENFORCED                    |
--| | ) COMMENT 'what was bought' WITH (                   |
--| |   'connector' = 'inline',                            |
--| |   'data' = '',                                       |
--| |   'format' = 'json'                                  |
--| | )                                                    |
--| +------------------------------------------------------+

SHOW CREATE VIEW expensive;
--| +-----------------------------------------------------------------------------------+
--| | result                                                                            |
--| +-----------------------------------------------------------------------------------+
--| | CREATE VIEW expensive AS SELECT id, item.price FROM orders WHERE item.price > 100 |
--| +-----------------------------------------------------------------------------------+

CREATE TABLE copy_of (extra STRING) WITH ('connector' = 'print') LIKE orders (EXCLUDING WATERMARKS EXCLUDING OPTIONS EXCLUDING CONSTRAINTS EXCLUDING GENERATED);
DESCRIBE copy_of;
--| +-------+--------------------------------------------+-------+-----+--------+-----------+
--| | name  | type                                       | null  | key | extras | watermark |
--| +-------+--------------------------------------------+-------+-----+--------+-----------+
--| | id    | INT                                        | false |     |        |           |
--| | item  | ROW<`name` STRING, `price` DECIMAL(10, 2)> | true  |     |        |           |
--| | tags  | ARRAY<STRING>                              | true  |     |        |           |
--| | props | MAP<STRING, BIGINT>                        | true  |     |        |           |
--| | ts    | TIMESTAMP(3)                               | true  |     |        |           |
--| | extra | STRING                                     | true  |     |        |           |
--| +-------+--------------------------------------------+-------+-----+--------+-----------+

SET 'parallelism.default' = '2';
SET;
--| +---------------------+-------+
--| | key                 | value |
--| +---------------------+-------+
--| | parallelism.default | 2     |
--| +---------------------+-------+

DROP VIEW expensive;
DROP TABLE IF EXISTS nowhere;
SHOW TABLES;
--| +------------+
--| | table name |
--| +------------+
--| | copy_of    |
--| | orders     |
--| +------------+

DROP VIEW orders;
--| error: 'orders' is a table, not a view
--|  --> show_describe.sql:1:11
--|   |
--| 1 | DROP VIEW orders;
--|   |           ^^^^^^
--|   |
--|   = help: Write DROP TABLE orders.

SHOW CATALOGS;
--| +-----------------+
--| | catalog name    |
--| +-----------------+
--| | default_catalog |
--| +-----------------+
