-- A metadata key that the connector does not have.
CREATE TABLE orders (id INT, item STRING, nope STRING METADATA FROM 'file.nope' VIRTUAL) WITH ('connector' = 'filesystem', 'path' = '${DATA}/orders', 'format' = 'csv');
SELECT id, nope FROM orders;

--| the job fails: table 'orders': connector 'filesystem' has no metadata 'file.nope'
--|   hint: It has file.path, file.name, file.size and file.modification-time.
