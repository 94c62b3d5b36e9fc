-- Records that cannot be decoded go to a table, with their bytes and what is wrong.
CREATE TABLE broken (raw BYTES, place STRING, error STRING) WITH ('connector' = 'print');
CREATE TABLE orders (id INT, amount DECIMAL(10, 2)) WITH (
  'connector' = 'inline', 'format' = 'json', 'bad-records' = 'dead-letter', 'bad-records.table' = 'broken', 'data' = '
{"id": 1, "amount": 2.50}
{"id": "x", "amount": 1}
not json
{"id": 4}
');
SELECT * FROM orders;
--| +I[1, 2.50]
--| +I[4, null]

--| broken:
--| +I[[110, 111, 116, 32, 106, 115, 111, 110], file data byte 51, broken JSON: 'n' stands where an object is expected]
--| +I[[123, 34, 105, 100, 34, 58, 32, 34, 120, 34, 44, 32, 34, 97, 109, 111, 117, 110, 116, 34, 58, 32, 49, 125], file data byte 26, column 'id': 'x' is not a valid INT]
--| bad records: 2
