-- Metadata columns of files.
CREATE TABLE orders (
  id INT,
  item STRING,
  file_path STRING METADATA FROM 'file.path' VIRTUAL,
  `file.name` STRING METADATA VIRTUAL,
  size BIGINT METADATA FROM 'file.size' VIRTUAL,
  changed_at TIMESTAMP_LTZ(3) METADATA FROM 'file.modification-time' VIRTUAL,
  dt AS SUBSTRING(`file.name`, 1, 10)
) WITH ('connector' = 'filesystem', 'path' = '${DATA}/orders', 'format' = 'csv');

DESCRIBE orders;
--| +------------+------------------+------+-----+------------------------------------------------+-----------+
--| | name       | type             | null | key | extras                                         | watermark |
--| +------------+------------------+------+-----+------------------------------------------------+-----------+
--| | id         | INT              | true |     |                                                |           |
--| | item       | STRING           | true |     |                                                |           |
--| | file_path  | STRING           | true |     | METADATA FROM 'file.path' VIRTUAL              |           |
--| | file.name  | STRING           | true |     | METADATA VIRTUAL                               |           |
--| | size       | BIGINT           | true |     | METADATA FROM 'file.size' VIRTUAL              |           |
--| | changed_at | TIMESTAMP_LTZ(3) | true |     | METADATA FROM 'file.modification-time' VIRTUAL |           |
--| | dt         | STRING           | true |     | AS SUBSTRING(`file.name`, 1, 10)               |           |
--| +------------+------------------+------+-----+------------------------------------------------+-----------+

SELECT id, item, dt, `file.name` AS name, size, file_path LIKE '%/tests/data/orders/' || `file.name` AS in_folder, changed_at > TIMESTAMP '2020-01-01 00:00:00' AS changed FROM orders;
--| +I[1, book, 2024-11-10, 2024-11-10.csv, 13, true, true]
--| +I[2, pen, 2024-11-10, 2024-11-10.csv, 13, true, true]
--| +I[3, cup, 2024-11-11, 2024-11-11.csv, 6, true, true]

SELECT dt, COUNT(*) AS n, MAX(size) AS size FROM orders GROUP BY dt;
--| +I[2024-11-10, 2, 13]
--| +I[2024-11-11, 1, 6]

-- A sink does not write virtual columns.
CREATE TABLE copy (id INT, name STRING METADATA FROM 'file.name' VIRTUAL) WITH ('connector' = 'print');
INSERT INTO copy SELECT id, item FROM orders;
--| error: the query has 2 columns, 'copy' takes 1
--|  --> metadata_files.sql:3:13
--|   |
--| 3 | INSERT INTO copy SELECT id, item FROM orders;
--|   |             ^^^^
--|   |
--|   = help: Columns of 'copy': id INT.
