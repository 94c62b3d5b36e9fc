-- Each row with the version of a table that was valid at its time.
CREATE TABLE orders (id INT, currency STRING, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,EUR,10,2024-11-11 00:00:01
2,EUR,10,2024-11-11 00:00:05
3,USD,10,2024-11-11 00:00:06
4,EUR,10,2024-11-11 00:00:09
5,GBP,10,2024-11-11 00:00:10
');

CREATE TABLE rates (currency STRING, rate INT, since TIMESTAMP(3), WATERMARK FOR since AS since, PRIMARY KEY (currency) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+EUR,100,2024-11-11 00:00:02
+USD,200,2024-11-11 00:00:03
-EUR,100,2024-11-11 00:00:02
+EUR,110,2024-11-11 00:00:05
-EUR,110,2024-11-11 00:00:05
+EUR,120,2024-11-11 00:00:08
');

CREATE TABLE prices (item STRING, price INT, since TIMESTAMP(3), WATERMARK FOR since AS since) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
EUR,1,2024-11-11 00:00:00
EUR,2,2024-11-11 00:00:06
USD,3,2024-11-11 00:00:07
');

CREATE TABLE names (code STRING, name STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
EUR,Euro
USD,Dollar
');

SELECT o.id, r.rate FROM orders AS o JOIN prices FOR SYSTEM_TIME AS OF o.ts AS p ON o.currency = p.item JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency;
--| +I[2, 110]
--| +I[4, 120]

SELECT o.id, p.price FROM orders AS o LEFT JOIN prices FOR SYSTEM_TIME AS OF o.ts AS p ON o.currency = p.item;
--| +I[1, 1]
--| +I[2, 1]
--| +I[3, null]
--| +I[4, 2]
--| +I[5, null]

-- A condition looks at the version that was valid, not for another one that would fulfil it.
SELECT o.id, p.price FROM orders AS o JOIN prices FOR SYSTEM_TIME AS OF o.ts AS p ON o.currency = p.item WHERE p.price < 2;
--| +I[1, 1]
--| +I[2, 1]

SELECT o.id, p.price FROM orders AS o LEFT JOIN prices FOR SYSTEM_TIME AS OF o.ts AS p ON o.currency = p.item AND p.price < 2;
--| +I[1, 1]
--| +I[2, 1]
--| +I[3, null]
--| +I[4, null]
--| +I[5, null]

-- The same by another name.
SELECT o.id, p.price FROM orders AS o ASOF JOIN prices AS p MATCH_CONDITION (o.ts >= p.since) ON o.currency = p.item;
--| +I[1, 1]
--| +I[2, 1]
--| +I[3, null]
--| +I[4, 2]
--| +I[5, null]

SELECT o.id, p.price FROM orders AS o ASOF JOIN prices AS p MATCH_CONDITION (o.ts >= p.price) ON o.currency = p.item;
--| error: MATCH_CONDITION must compare with the event time of the right table
--|  --> temporal_join.sql:1:61
--|   |
--| 1 | SELECT o.id, p.price FROM orders AS o ASOF JOIN prices AS p MATCH_CONDITION (o.ts >= p.price) ON o.currency = p.item;
--|   |                                                             ^^^^^^^^^^^^^^^
--|   |
--|   = help: Compare with the column of its WATERMARK.

-- A table as it is now.
SELECT o.id, n.name FROM (SELECT *, PROCTIME() AS now FROM orders) AS o JOIN names FOR SYSTEM_TIME AS OF o.now AS n ON o.currency = n.code;
--| +I[1, Euro]
--| +I[2, Euro]
--| +I[3, Dollar]
--| +I[4, Euro]

SELECT o.id, n.name FROM (SELECT *, PROCTIME() AS now FROM orders) AS o LEFT JOIN names FOR SYSTEM_TIME AS OF o.now AS n ON o.currency = n.code;
--| +I[1, Euro]
--| +I[2, Euro]
--| +I[3, Dollar]
--| +I[4, Euro]
--| +I[5, null]

EXPLAIN SELECT o.id, p.price FROM orders AS o JOIN prices FOR SYSTEM_TIME AS OF o.ts AS p ON o.currency = p.item WHERE p.price < 2;
--| Sink result (print) #5
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #4
--|       project: id = id@0, currency = currency@1, ts = ts@2, item = item@3, price = price@4
--|       project: id = id@0, price = price@4
--|       changelog: append-only
--|     TemporalJoin Inner #3
--|         on: (currency) = (item)
--|         and: price@4 < 2
--|         exchange: by hash of currency and of item
--|         emits a left row when it is passed by the watermark of orders, prices
--|         state: waiting left rows, and the right versions since the watermark with the one before
--|         changelog: append-only
--|       Source orders (inline) #0
--|           reads: id, currency, ts
--|           watermark: ts - 0 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only
--|       Source prices (inline) #1
--|           reads: item, price, since
--|           project: item = item@0, price = price@1, $version_time = since@2
--|           watermark: since - 0 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT o.id, n.name FROM (SELECT *, PROCTIME() AS now FROM orders) AS o JOIN names FOR SYSTEM_TIME AS OF o.now AS n ON o.currency = n.code;
--| Sink result (print) #6
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #5
--|       project: id = id@0, currency = currency@1, now = now@2, code = code@3, name = name@4
--|       project: id = id@0, name = name@4
--|       changelog: append-only
--|     LookupJoin Inner #4
--|         on: (currency) = (code)
--|         exchange: by hash of currency and of code
--|         takes the right side as it is when a left row comes: not repeatable; left rows wait until the right side has been read once
--|         state: the rows of the right side
--|         changelog: append-only
--|       Source orders (inline) #0
--|           reads: id, currency, ts
--|           project: id = id@0, currency = currency@1
--|           project: id = id@0, currency = currency@1, now = proctime()
--|           watermark: ts - 0 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only
--|       Source names (inline) #2
--|           reads: code, name
--|           project: code = code@0, name = name@1
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only

SELECT o.id FROM orders AS o JOIN prices FOR SYSTEM_TIME AS OF o.amount AS p ON o.currency = p.item;
--| error: FOR SYSTEM_TIME AS OF needs a time attribute of the left side
--|  --> temporal_join.sql:1:46
--|   |
--| 1 | SELECT o.id FROM orders AS o JOIN prices FOR SYSTEM_TIME AS OF o.amount AS p ON o.currency = p.item;
--|   |                                              ^^^^^^^^^^^
--|   |
--|   = help: Name the left table's WATERMARK column, or a column that is PROCTIME().

SELECT o.id FROM orders AS o JOIN names FOR SYSTEM_TIME AS OF o.ts AS p ON o.currency = p.code;
--| error: the versioned table has no event time
--|  --> temporal_join.sql:1:45
--|   |
--| 1 | SELECT o.id FROM orders AS o JOIN names FOR SYSTEM_TIME AS OF o.ts AS p ON o.currency = p.code;
--|   |                                             ^^^^^^^^^^^
--|   |
--|   = help: Declare WATERMARK FOR its time column: it says from when a row is valid.

SELECT o.id FROM orders AS o RIGHT JOIN prices FOR SYSTEM_TIME AS OF o.ts AS p ON o.currency = p.item;
--| error: a join FOR SYSTEM_TIME AS OF that is neither inner nor left
--|  --> temporal_join.sql:1:1
--|   |
--| 1 | SELECT o.id FROM orders AS o RIGHT JOIN prices FOR SYSTEM_TIME AS OF o.ts AS p ON o.currency = p.item;
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Write JOIN or LEFT JOIN: the table as it was then has no rows of its own.

SELECT * FROM prices FOR SYSTEM_TIME AS OF TIMESTAMP '2024-11-11 00:00:00';
--| error: FOR SYSTEM_TIME AS OF stands where there is no join
--|  --> temporal_join.sql:1:15
--|   |
--| 1 | SELECT * FROM prices FOR SYSTEM_TIME AS OF TIMESTAMP '2024-11-11 00:00:00';
--|   |               ^^^^^^
--|   |
--|   = help: Write l JOIN t FOR SYSTEM_TIME AS OF l.time AS t ON l.key = t.key.
