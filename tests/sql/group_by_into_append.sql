-- A table that takes inserts only refuses a result that changes.
CREATE TABLE numbers (x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '1');
CREATE TABLE files (x INT, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '/nowhere', 'format' = 'json');
INSERT INTO files SELECT x, COUNT(*) FROM numbers GROUP BY x;

--| the job fails: table 'files' ('filesystem') does not take updates and deletes, which the query gives it
--|   hint: Aggregate in a window (its result does not change), or write to a table that takes updates ('print', 'upsert-kafka', 'screen').
