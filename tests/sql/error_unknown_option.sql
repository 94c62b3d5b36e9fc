-- A misspelt option is an error, not silence.
CREATE TABLE t (x INT) WITH ('connector' = 'filesystem', 'path' = '/nowhere', 'formt' = 'json');
SELECT x FROM t;

--| the job fails: table 't': option 'formt' is not known to connector 'filesystem'
--|   hint: Did you mean 'format'?
