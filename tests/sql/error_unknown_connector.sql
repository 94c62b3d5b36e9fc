-- A connector that nobody has.
CREATE TABLE t (x INT) WITH ('connector' = 'kafkaa');
SELECT x FROM t;

--| the job fails: connector 'kafkaa' of table 't' is not known
--|   hint: Known connectors: blackhole, datagen, filesystem, http, inline, jdbc, kafka, keyed, memory, nexmark, orders, postgres, print, socket, upsert-kafka.
