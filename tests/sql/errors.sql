-- Errors point into the text.
CREATE TABLE orders (id INT, amount DECIMAL(10, 2), ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '1,2,2024-11-11 00:00:00');

SELECT idd FROM orders;
--| error: column 'idd' does not exist
--|  --> errors.sql:1:8
--|   |
--| 1 | SELECT idd FROM orders;
--|   |        ^^^
--|   |
--|   = help: Did you mean 'id'?

SELECT id FROM ordes;
--| error: table 'ordes' does not exist
--|  --> errors.sql:1:16
--|   |
--| 1 | SELECT id FROM ordes;
--|   |                ^^^^^
--|   |
--|   = help: Did you mean 'orders'?

SELECT SUMM(id) FROM orders;
--| error: function 'summ' does not exist
--|  --> errors.sql:1:8
--|   |
--| 1 | SELECT SUMM(id) FROM orders;
--|   |        ^^^^
--|   |
--|   = help: Did you mean 'sum'?

SELECT id amount ts FROM orders;
--| error: expected the end of the statement, found 'ts'
--|  --> errors.sql:1:18
--|   |
--| 1 | SELECT id amount ts FROM orders;
--|   |                  ^^

SELEC id FROM orders;
--| error: expected a statement such as CREATE TABLE, INSERT INTO or SELECT, found 'SELEC'
--|  --> errors.sql:1:1
--|   |
--| 1 | SELEC id FROM orders;
--|   | ^^^^^

SELECT id FROM orders WHERE amount > 'x' AND;
--| error: expected an expression, found the end of the statement
--|  --> errors.sql:1:44
--|   |
--| 1 | SELECT id FROM orders WHERE amount > 'x' AND;
--|   |                                            ^

SELECT id + FROM orders;
--| error: column 'id' does not exist
--|  --> errors.sql:1:8
--|   |
--| 1 | SELECT id + FROM orders;
--|   |        ^^

SELECT id FROM orders WHERE id;
--| error: cannot create filter with non-boolean predicate 'orders.id' returning INT
--|  --> errors.sql:1:8
--|   |
--| 1 | SELECT id FROM orders WHERE id;
--|   |        ^^

SELECT amount FROM orders GROUP BY id;
--| error: column 'orders.amount' must be in GROUP BY or inside an aggregate function
--|  --> errors.sql:1:8
--|   |
--| 1 | SELECT amount FROM orders GROUP BY id;
--|   |        ^^^^^^
--|   |
--|   = help: Group by it, or write for instance MAX(orders.amount).

SELECT 'unclosed FROM orders;
--| error: unterminated string literal
--|  --> errors.sql:1:8
--|   |
--| 1 | SELECT 'unclosed FROM orders;
--|   |        ^

SELECT UPPER(id, id) FROM orders;
--| error: function 'upper' expects 1 arguments but received 2
--|  --> errors.sql:1:8
--|   |
--| 1 | SELECT UPPER(id, id) FROM orders;
--|   |        ^^^^^

SELECT TUMBLE_START(ts, INTERVAL '1' MINUTE) AS s, COUNT(*) FROM orders GROUP BY TUMBLE(ts, INTERVAL '2' MINUTE);
--| error: the window in SELECT is not the one in GROUP BY, or the column is no group key
--|  --> errors.sql:1:21
--|   |
--| 1 | SELECT TUMBLE_START(ts, INTERVAL '1' MINUTE) AS s, COUNT(*) FROM orders GROUP BY TUMBLE(ts, INTERVAL '2' MINUTE);
--|   |                     ^^
--|   |
--|   = help: Write TUMBLE_START and the like with exactly the arguments of the TUMBLE in GROUP BY.

SELECT TUMBLE_START(id, INTERVAL '1' MINUTE) AS s, COUNT(*) FROM orders GROUP BY TUMBLE(id, INTERVAL '1' MINUTE);
--| error: 'id' cannot be a window's time: it is INT, no timestamp
--|  --> errors.sql:1:89
--|   |
--| 1 | SELECT TUMBLE_START(id, INTERVAL '1' MINUTE) AS s, COUNT(*) FROM orders GROUP BY TUMBLE(id, INTERVAL '1' MINUTE);
--|   |                                                                                         ^^
--|   |
--|   = help: Use the column that has a WATERMARK, or one computed with PROCTIME().

SELECT COUNT(*) FROM orders GROUP BY HOP(amount, INTERVAL '1' MINUTE, INTERVAL '2' MINUTE);
--| error: 'amount' cannot be a window's time: it is DECIMAL(10, 2), no timestamp
--|  --> errors.sql:1:42
--|   |
--| 1 | SELECT COUNT(*) FROM orders GROUP BY HOP(amount, INTERVAL '1' MINUTE, INTERVAL '2' MINUTE);
--|   |                                          ^^^^^^
--|   |
--|   = help: Use the column that has a WATERMARK, or one computed with PROCTIME().

CREATE VIEW bad_window AS SELECT id, SESSION_END(CAST(id AS STRING), INTERVAL '1' MINUTE) AS s FROM orders GROUP BY id, SESSION(CAST(id AS STRING), INTERVAL '1' MINUTE);
--| error: the time of 'SESSION' is STRING, no timestamp
--|  --> errors.sql:1:121
--|   |
--| 1 | CREATE VIEW bad_window AS SELECT id, SESSION_END(CAST(id AS STRING), INTERVAL '1' MINUTE) AS s FROM orders GROUP BY id, SESSION(CAST(...
--|   |                                                                                                                         ^^^^^^^
--|   |
--|   = help: Use the column that has a WATERMARK, or one computed with PROCTIME().

SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(nope), INTERVAL '5' MINUTE));
--| error: column 'nope' does not exist
--|  --> errors.sql:1:53
--|   |
--| 1 | SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(nope), INTERVAL '5' MINUTE));
--|   |                                                     ^^^^
--|   |
--|   = help: Columns here: id, amount, ts.

SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts)));
--| error: TUMBLE has the wrong arguments
--|  --> errors.sql:1:1
--|   |
--| 1 | SELECT * FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts)));
--|   | ^^^^^^
--|   |
--|   = help: Write TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL size [, INTERVAL offset]).

SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(id), INTERVAL '5' MINUTE)) GROUP BY window_start, window_end;
--| error: 'orders.id' cannot be a window's time: it is no timestamp
--|  --> errors.sql:1:60
--|   |
--| 1 | SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(id), INTERVAL '5' MINUTE)) GROUP BY window_start, window_end;
--|   |                                                            ^^
--|   |
--|   = help: Use the column that has a WATERMARK, or one computed with PROCTIME().

CREATE TABLE orders (x INT) WITH ('connector' = 'print');
--| error: table 'orders' exists already
--|  --> errors.sql:1:14
--|   |
--| 1 | CREATE TABLE orders (x INT) WITH ('connector' = 'print');
--|   |              ^^^^^^
--|   |
--|   = help: Drop it first, or write CREATE TABLE IF NOT EXISTS.

CREATE TABLE t1 (x NUMBER) WITH ('connector' = 'print');
--| error: expected a type, found 'NUMBER'
--|  --> errors.sql:1:20
--|   |
--| 1 | CREATE TABLE t1 (x NUMBER) WITH ('connector' = 'print');
--|   |                    ^^^^^^

CREATE TABLE t2 (x INT, x INT) WITH ('connector' = 'print');
--| error: column 'x' is declared twice
--|  --> errors.sql:1:25
--|   |
--| 1 | CREATE TABLE t2 (x INT, x INT) WITH ('connector' = 'print');
--|   |                         ^

CREATE TABLE t3 (x INT, WATERMARK FOR y AS y) WITH ('connector' = 'print');
--| error: column 'y' is not declared
--|  --> errors.sql:1:39
--|   |
--| 1 | CREATE TABLE t3 (x INT, WATERMARK FOR y AS y) WITH ('connector' = 'print');
--|   |                                       ^
--|   |
--|   = help: Did you mean 'x'?

CREATE TABLE t4 (x INT, WATERMARK FOR x AS x) WITH ('connector' = 'print');
--| error: column 'x' is no timestamp and can have no watermark
--|  --> errors.sql:1:39
--|   |
--| 1 | CREATE TABLE t4 (x INT, WATERMARK FOR x AS x) WITH ('connector' = 'print');
--|   |                                       ^
--|   |
--|   = help: Convert it in a computed column, for instance ts AS TO_TIMESTAMP_LTZ(millis, 3).

CREATE TABLE t5 (x INT, PRIMARY KEY (y) NOT ENFORCED) WITH ('connector' = 'print');
--| error: column 'y' is not declared
--|  --> errors.sql:1:38
--|   |
--| 1 | CREATE TABLE t5 (x INT, PRIMARY KEY (y) NOT ENFORCED) WITH ('connector' = 'print');
--|   |                                      ^
--|   |
--|   = help: Did you mean 'x'?

INSERT INTO nowhere SELECT id FROM orders;
--| error: table 'nowhere' does not exist
--|  --> errors.sql:1:13
--|   |
--| 1 | INSERT INTO nowhere SELECT id FROM orders;
--|   |             ^^^^^^^
--|   |
--|   = help: Known: orders.

DROP TABLE nowhere;
--| error: table 'nowhere' does not exist
--|  --> errors.sql:1:12
--|   |
--| 1 | DROP TABLE nowhere;
--|   |            ^^^^^^^
--|   |
--|   = help: Known: orders.

CREATE VIEW v AS SELECT nope FROM orders;
--| error: column 'nope' does not exist
--|  --> errors.sql:1:25
--|   |
--| 1 | CREATE VIEW v AS SELECT nope FROM orders;
--|   |                         ^^^^
--|   |
--|   = help: Columns here: id, amount, ts.

SET 'sloth.epoch.max-row' = '1';
SELECT 1;
--| error: setting 'sloth.epoch.max-row' is not known
--|   = help: Known settings: parallelism.default, sloth.epoch.max-rows, sloth.epoch.cut-seed, sloth.epoch.target, sloth.epoch.min-interval, sloth.epoch.max-in-flight, sloth.epoch.max-bytes, sloth.batch.rows, execution.runtime-mode, sloth.recursion.max-rounds, sloth.join.share-state, state.checkpoints.dir, state.checkpoints.num-retained, state.checkpoints.fallback, execution.checkpointing.interval, restart-strategy.type, table.exec.source.idle-timeout, table.exec.state.ttl, table.exec.emit.early-fire.enabled, table.exec.emit.early-fire.delay, table.exec.emit.late-fire.enabled, table.exec.emit.late-fire.delay, table.exec.emit.allow-lateness, table.optimizer.join-reorder-enabled, table.optimizer.multi-join.enabled, table.local-time-zone.

RESET 'sloth.epoch.max-row';
SET 'sloth.epoch.target' = 'soon';
SELECT 1;
--| error: setting 'sloth.epoch.target' = 'soon': expected a duration such as '10 s' or '500 ms'

RESET 'sloth.epoch.target';
SET 'table.local-time-zone' = 'Mars/Base';
--| error: 'Mars/Base' is no time zone
--|  --> errors.sql:2:1
--|   |
--| 2 | SET 'table.local-time-zone' = 'Mars/Base';
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Write a name such as 'Asia/Shanghai', an offset such as 'GMT+08:00', or 'UTC'.

SELECT ${UNSET} FROM orders;
--| error: variable ${UNSET} has no value
--|  --> errors.sql:1:8
--|   |
--| 1 | SELECT ${UNSET} FROM orders;
--|   |        ^^^^^^^^
--|   |
--|   = help: Give it one: --var UNSET=VALUE.
