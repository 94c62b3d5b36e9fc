-- A connector without metadata.
CREATE TABLE numbers (id INT, nope STRING METADATA VIRTUAL) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
SELECT id, nope FROM numbers;

--| the job fails: table 'numbers': column 'nope' of table 'numbers' is METADATA, but connector 'datagen' has none
--|   hint: Make it a physical column.
