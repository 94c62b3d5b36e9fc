-- Change events of a database. With a PRIMARY KEY the table is kept, so that events may be incomplete or come twice.
CREATE TABLE orders (id BIGINT, item STRING NOT NULL, amount DECIMAL(10, 2), PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'debezium-json', 'data' = '
{"before":null,"after":{"id":1,"item":"tea","amount":2.50},"op":"r","ts_ms":1}
{"before":null,"after":{"id":2,"item":"rice","amount":7},"op":"c","ts_ms":2}
{"before":null,"after":{"id":1,"item":"tea","amount":3.50},"op":"u","ts_ms":3}
{"before":null,"after":{"id":1,"item":"tea","amount":3.50},"op":"u","ts_ms":3}
{"before":{"id":2},"after":null,"op":"d","ts_ms":4}
{"before":{"id":9},"after":null,"op":"d","ts_ms":4}
{"before":{"id":1,"item":"tea","amount":3.50},"after":{"id":3,"item":"tea","amount":3.50},"op":"u","ts_ms":5}
{"before":null,"after":{"id":4,"amount":1},"op":"c","ts_ms":6}
{"before":null,"after":null,"op":"t"}
');

SELECT id, item, amount FROM orders;
--| +I[3, tea, 3.50]

SELECT item, SUM(amount) AS total, COUNT(*) AS n FROM orders GROUP BY item;
--| +I[tea, 3.50, 1]

SELECT COUNT(*) AS n FROM orders WHERE amount > 3;
--| +I[1]

CREATE TABLE exact (id BIGINT, item STRING) WITH ('connector' = 'inline', 'format' = 'debezium-json', 'debezium-json.schema-include' = 'true', 'data' = '
{"schema":{},"payload":{"before":null,"after":{"id":1,"item":"tea"},"op":"c"}}
{"schema":{},"payload":{"before":{"id":1,"item":"tea"},"after":{"id":1,"item":"rice"},"op":"u"}}
{"schema":{},"payload":{"before":null,"after":{"id":1,"item":"rice"},"op":"u"}}
{"schema":{},"payload":{"before":null,"after":{"id":2,"item":"oil"},"op":"c"}}
{"schema":{},"payload":{"before":{"id":2,"item":"oil"},"after":null,"op":"d"}}
');

SELECT id, item FROM exact;
--| +I[1, rice]

CREATE TABLE trusted (id BIGINT, item STRING, op_ts TIMESTAMP_LTZ(3) METADATA FROM 'ingestion-timestamp' VIRTUAL, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'debezium-json', 'scan.changelog' = 'retract', 'data' = '
{"before":null,"after":{"id":1,"item":"tea"},"op":"c","ts_ms":1}
{"before":{"id":1,"item":"tea"},"after":{"id":1,"item":"rice"},"op":"u","ts_ms":2}
');

SELECT id, item FROM trusted;
--| +I[1, rice]

SELECT id, op_ts FROM trusted;
--| error: column 'op_ts' of table 'trusted' tells of an event, so a row cannot be taken back with the value it came with
--|  --> debezium.sql:1:1
--|   |
--| 1 | SELECT id, op_ts FROM trusted;
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Declare the PRIMARY KEY of the table: then the last row of each key is kept.

CREATE TABLE stamped (id BIGINT, item STRING, op_ts TIMESTAMP_LTZ(3) METADATA FROM 'ingestion-timestamp' VIRTUAL, db STRING METADATA FROM 'source.database' VIRTUAL, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'debezium-json', 'data' = '
{"before":null,"after":{"id":1,"item":"tea"},"op":"c","ts_ms":1000,"source":{"db":"shop","lsn":7}}
{"before":{"id":1,"item":"tea"},"after":{"id":1,"item":"rice"},"op":"u","ts_ms":2000,"source":{"db":"shop"}}
');

SELECT id, item, op_ts, db FROM stamped;
--| +I[1, rice, 1970-01-01T00:00:02Z, shop]

EXPLAIN SELECT item, COUNT(*) AS n FROM orders GROUP BY item;
--| Sink result (print) #5
--|     changelog: retract, one row for each item
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #4
--|       project: item = item@0, count(*) = count(*)@1
--|       project: item = item@0, n = count(*)@1
--|       changelog: retract, one row for each item
--|     GroupAggregate by item #3
--|         computes: count(*)
--|         exchange: by hash of item, after a local aggregation
--|         emits the changed groups of every epoch
--|         state: one entry per key, kept for ever (warning: grows with the number of keys; STATE_TTL bounds it)
--|         changelog: retract, one row for each item
--|       Map #2
--|           project: item = item@1
--|           project: item = item@0
--|           changelog: retract
--|         Normalize by id #1
--|             exchange: by hash of id
--|             emits exact changes: what a row replaces is taken back; nothing when nothing changes
--|             state: the last row of each key, kept until it is deleted (grows with the table)
--|             changelog: retract, one row for each id
--|           Source orders (inline) #0
--|               reads: id, item
--|               watermark: none
--|               bad records: counted and skipped
--|               changelog: upsert by id

--| bad records: 3
