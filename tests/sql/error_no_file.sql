-- A file that is not there.
CREATE TABLE t (x INT) WITH ('connector' = 'filesystem', 'path' = '/nowhere/at/all.csv', 'format' = 'csv');
SELECT x FROM t;

--| the job fails: table 't': '/nowhere/at/all.csv' cannot be read: No such file or directory (os error 2)
--|   hint: Check the option 'path'.
