-- Or the first one stops the job.
CREATE TABLE orders (id INT) WITH ('connector' = 'inline', 'format' = 'json', 'bad-records' = 'fail', 'data' = '
{"id": 1}
{"id": }
');
SELECT * FROM orders;

--| bad records: 1
--| the job fails: table 'orders': bad record at lane-0, file data byte 10: broken JSON: '}' stands where a value is expected
--|   detail: The record: {"id": }
--|   hint: Set 'bad-records' = 'skip' or 'dead-letter' in the table's options to go on past such records.
