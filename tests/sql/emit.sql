-- EMIT: when windows give out their results. In the end they are the same.
CREATE TABLE orders (id INT, shop STRING, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE)
WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,1,2024-11-11 00:00:01
2,b,2,2024-11-11 00:00:12
3,a,4,2024-11-11 00:00:09
4,b,8,2024-11-11 00:00:31
5,a,16,2024-11-11 00:00:19
6,a,32,2024-11-11 00:00:13
');
CREATE TABLE changes (id INT, shop STRING, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE)
WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,a,1,2024-11-11 00:00:01
+2,b,2,2024-11-11 00:00:12
+3,a,4,2024-11-11 00:00:09
-1,a,1,2024-11-11 00:00:01
+1,a,100,2024-11-11 00:00:01
+4,b,8,2024-11-11 00:00:31
-2,b,2,2024-11-11 00:00:12
');
CREATE TABLE totals (e TIMESTAMP(3), shop STRING, total INT, PRIMARY KEY (e, shop) NOT ENFORCED) WITH ('connector' = 'print');

SELECT window_start, window_end, shop, SUM(amount) AS total, COUNT(*) AS n
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, shop EMIT CHANGES;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, a, 5, 2]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:20, a, 48, 2]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:20, b, 2, 1]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:00:40, b, 8, 1]

SELECT window_start, window_end, shop, SUM(amount) AS total, MAX(amount) AS most
FROM TABLE(TUMBLE(TABLE changes, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, shop
EMIT EVERY INTERVAL '1' SECOND ALLOW LATENESS INTERVAL '1' HOUR;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, a, 104, 100]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:00:40, b, 8, 8]

SELECT window_start, window_end, SUM(amount) AS total
FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '20' SECOND)) GROUP BY window_start, window_end
EMIT CHANGES;
--| +I[2024-11-10T23:59:50, 2024-11-11T00:00:10, 5]
--| +I[2024-11-11T00:00, 2024-11-11T00:00:20, 55]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:30, 50]
--| +I[2024-11-11T00:00:20, 2024-11-11T00:00:40, 8]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:00:50, 8]

SELECT window_start, window_end, SUM(amount) AS total
FROM TABLE(HOP(TABLE changes, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '20' SECOND)) GROUP BY window_start, window_end
EMIT ON WINDOW CLOSE ALLOW LATENESS INTERVAL '30' SECOND;
--| +I[2024-11-10T23:59:50, 2024-11-11T00:00:10, 104]
--| +I[2024-11-11T00:00, 2024-11-11T00:00:20, 104]
--| +I[2024-11-11T00:00:20, 2024-11-11T00:00:40, 8]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:00:50, 8]

SELECT window_start, window_end, shop, COUNT(*) AS n
FROM TABLE(CUMULATE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '30' SECOND)) GROUP BY window_start, window_end, shop
EMIT CHANGES;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, a, 2]
--| +I[2024-11-11T00:00, 2024-11-11T00:00:20, a, 4]
--| +I[2024-11-11T00:00, 2024-11-11T00:00:20, b, 1]
--| +I[2024-11-11T00:00, 2024-11-11T00:00:30, a, 4]
--| +I[2024-11-11T00:00, 2024-11-11T00:00:30, b, 1]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:00:40, b, 1]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:00:50, b, 1]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:01, b, 1]

SELECT window_start, window_end, ARRAY_AGG(id) AS ids
FROM TABLE(CUMULATE(TABLE changes, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '30' SECOND)) GROUP BY window_start, window_end
EMIT ALLOW LATENESS INTERVAL '1' MINUTE;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, [3, 1]]
--| +I[2024-11-11T00:00, 2024-11-11T00:00:20, [3, 1]]
--| +I[2024-11-11T00:00, 2024-11-11T00:00:30, [3, 1]]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:00:40, [4]]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:00:50, [4]]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:01, [4]]

-- The old syntax, and a sink with the window's end in its key.
INSERT INTO totals SELECT TUMBLE_END(ts, INTERVAL '10' SECOND), shop, SUM(amount) FROM orders GROUP BY shop, TUMBLE(ts, INTERVAL '10' SECOND)
EMIT CHANGES;
--| totals:
--| +I[2024-11-11T00:00:10, a, 5]
--| +I[2024-11-11T00:00:20, a, 48]
--| +I[2024-11-11T00:00:20, b, 2]
--| +I[2024-11-11T00:00:40, b, 8]

SELECT HOP_START(ts, INTERVAL '10' SECOND, INTERVAL '20' SECOND) AS s, COUNT(*) AS n FROM changes GROUP BY HOP(ts, INTERVAL '10' SECOND, INTERVAL '20' SECOND)
EMIT CHANGES ALLOW LATENESS INTERVAL '1' MINUTE;
--| +I[2024-11-10T23:59:50, 2]
--| +I[2024-11-11T00:00, 2]
--| +I[2024-11-11T00:00:20, 1]
--| +I[2024-11-11T00:00:30, 1]

-- Windows of a window's result.
SELECT window_start, window_end, MAX(total) AS best FROM (
  SELECT window_start, window_end, window_time AS wt, shop, SUM(amount) AS total
  FROM TABLE(TUMBLE(TABLE changes, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, window_time, shop)
GROUP BY window_start, window_end
EMIT CHANGES ALLOW LATENESS INTERVAL '10' SECOND;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, 104]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:00:40, 8]

-- Grouping sets, and what comes behind a window.
SELECT window_start, shop, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE changes, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, ROLLUP (shop) EMIT CHANGES;
--| +I[2024-11-11T00:00, a, 2]
--| +I[2024-11-11T00:00, b, 1]
--| +I[2024-11-11T00:00, null, 3]

SELECT shop, SUM(total) AS total, COUNT(*) AS windows FROM (
  SELECT window_start, shop, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE changes, DESCRIPTOR(ts), INTERVAL '10' SECOND))
  GROUP BY window_start, window_end, shop)
GROUP BY shop EMIT EVERY INTERVAL '100' MILLISECOND;
--| +I[a, 104, 1]
--| +I[b, 8, 1]

SELECT * FROM (
  SELECT window_start, window_end, shop, total, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY total DESC) AS rn FROM (
    SELECT window_start, window_end, shop, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE changes, DESCRIPTOR(ts), INTERVAL '30' SECOND))
    GROUP BY window_start, window_end, shop))
WHERE rn = 1 EMIT CHANGES;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:30, a, 104, 1]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:01, b, 8, 1]

-- Without windows: how often changes are told.
SELECT shop, SUM(amount) AS total FROM changes GROUP BY shop EMIT EVERY INTERVAL '1' SECOND;
--| +I[a, 104]
--| +I[b, 8]

SELECT shop, SUM(amount) AS total FROM changes GROUP BY shop EMIT CHANGES;
--| +I[a, 104]
--| +I[b, 8]

SELECT COUNT(*) AS n FROM changes EMIT EVERY INTERVAL '1' SECOND;
--| +I[3]

-- An alias of that name is no clause.
SELECT emit.id AS emit FROM orders AS emit WHERE emit.amount > 8;
--| +I[5]
--| +I[6]

EXPLAIN SELECT window_start, shop, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, shop EMIT EVERY INTERVAL '2' SECOND ALLOW LATENESS INTERVAL '1' MINUTE;
--| Sink result (print) #4
--|     changelog: retract, one row for each window_start, shop
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: window_start = window_start@0, window_end = window_end@1, shop = shop@3, count(*) = count(*)@4
--|       project: window_start = window_start@0, shop = shop@2, n = count(*)@3
--|       changelog: retract, one row for each window_start, shop
--|     WindowAggregate TUMBLE(size=10 s) by shop #2
--|         computes: count(*)
--|         exchange: by hash of shop, after a local aggregation
--|         emits what has changed every 2 s, and when the watermark passes a window's end; late rows correct it for 1 min more, every 2 s; watermark of orders
--|         state: open windows, one entry per key and window; freed 1 min after the window closes
--|         changelog: retract, one row for each window_end, shop
--|       Source orders (inline) #0
--|           reads: shop, ts
--|           project: shop = shop@0, ts = ts@1, $time = ts@1
--|           project: shop = shop@0, $time = $time@2
--|           project: c0 = $time@1, shop = shop@0
--|           watermark: ts - 60000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN INSERT INTO totals SELECT TUMBLE_END(ts, INTERVAL '10' SECOND), shop, SUM(amount) FROM orders GROUP BY shop, TUMBLE(ts, INTERVAL '10' SECOND)
EMIT ALLOW LATENESS INTERVAL '5' MINUTE;
--| Sink totals (print) #4
--|     changelog: retract, one row for each e, shop
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: shop = shop@3, $window_start('TUMBLE',orders.ts,10000) = window_start@0, $window_end('TUMBLE',orders.ts,10000) = window_end@1, $window_time('TUMBLE',orders.ts,10000) = window_time@2, sum(orders.amount) = sum(orders.amount)@4
--|       project: e = $window_end('TUMBLE',orders.ts,10000)@2, shop = shop@0, total = sum(orders.amount)@4
--|       changelog: retract, one row for each e, shop
--|     WindowAggregate TUMBLE(size=10 s) by shop #2
--|         computes: sum(orders.amount)
--|         exchange: by hash of shop, after a local aggregation
--|         emits when the watermark passes a window's end; late rows correct it for 5 min more, in every epoch; watermark of orders
--|         state: open windows, one entry per key and window; freed 5 min after the window closes
--|         changelog: retract, one row for each window_end, shop
--|       Source orders (inline) #0
--|           reads: shop, amount, ts
--|           project: c0 = ts@2, shop = shop@0, c2 = amount@1
--|           watermark: ts - 60000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT shop, SUM(amount) AS total FROM changes GROUP BY shop EMIT EVERY INTERVAL '1' SECOND;
--| Sink result (print) #4
--|     changelog: retract, one row for each shop
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: shop = shop@0, sum(changes.amount) = sum(changes.amount)@1
--|       project: shop = shop@0, total = sum(changes.amount)@1
--|       changelog: retract, one row for each shop
--|     GroupAggregate by shop #2
--|         computes: sum(changes.amount)
--|         exchange: by hash of shop, after a local aggregation
--|         emits the groups that have changed every 1 s
--|         state: one entry per key, kept for ever (warning: grows with the number of keys; STATE_TTL bounds it)
--|         changelog: retract, one row for each shop
--|       Source changes (inline) #0
--|           reads: shop, amount, ts
--|           project: shop = shop@0, amount = amount@1
--|           project: shop = shop@0, c1 = amount@1
--|           watermark: ts - 60000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: retract

SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT SOMETIMES;
--| error: expected ON WINDOW CLOSE, CHANGES, EVERY INTERVAL … or ALLOW LATENESS INTERVAL … after EMIT, found 'SOMETIMES'
--|  --> emit.sql:1:59
--|   |
--| 1 | SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT SOMETIMES;
--|   |                                                           ^^^^^^^^^

SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT EVERY 5;
--| error: expected an interval such as INTERVAL '10' SECOND, found '5'
--|  --> emit.sql:1:65
--|   |
--| 1 | SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT EVERY 5;
--|   |                                                                 ^

SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT EVERY INTERVAL '0' SECOND;
--| error: the distance of two emissions must be longer than zero
--|  --> emit.sql:1:65
--|   |
--| 1 | SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT EVERY INTERVAL '0' SECOND;
--|   |                                                                 ^^^^^^^^^^^^^^^^^^^

SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT EVERY INTERVAL '1' MONTH;
--| error: 'INTERVAL '1' MONTH': months and years have no fixed length
--|  --> emit.sql:1:65
--|   |
--| 1 | SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT EVERY INTERVAL '1' MONTH;
--|   |                                                                 ^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Use days, hours, minutes or seconds.

SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT ON WINDOW;
--| error: expected ON WINDOW CLOSE, found 'ON'
--|  --> emit.sql:1:59
--|   |
--| 1 | SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT ON WINDOW;
--|   |                                                           ^^

SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT ON WINDOW CLOSE;
--| error: the query has no window that could close
--|  --> emit.sql:1:54
--|   |
--| 1 | SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT ON WINDOW CLOSE;
--|   |                                                      ^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Leave EMIT out, or group by a window such as TUMBLE(ts, INTERVAL '1' MINUTE).

SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT CHANGES ALLOW LATENESS INTERVAL '1' SECOND;
--| error: ALLOW LATENESS needs a window over event time: nothing else knows late rows
--|  --> emit.sql:1:54
--|   |
--| 1 | SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT CHANGES ALLOW LATENESS INTERVAL '1' SECOND;
--|   |                                                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Leave it out, or group by a window over a column with a WATERMARK.

SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT CHANGES LATER;
--| error: expected the end of the statement, found 'LATER'
--|  --> emit.sql:1:67
--|   |
--| 1 | SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop EMIT CHANGES LATER;
--|   |                                                                   ^^^^^

SELECT id FROM orders EMIT EVERY INTERVAL '1' SECOND;
--| error: the rows of this query are given out once and never change: there is nothing to hold back
--|  --> emit.sql:1:23
--|   |
--| 1 | SELECT id FROM orders EMIT EVERY INTERVAL '1' SECOND;
--|   |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Leave EMIT out.

CREATE VIEW v AS SELECT id FROM orders EMIT CHANGES;
--| error: EMIT belongs to a query that runs: a SELECT or an INSERT
--|  --> emit.sql:1:40
--|   |
--| 1 | CREATE VIEW v AS SELECT id FROM orders EMIT CHANGES;
--|   |                                        ^^^^^^^^^^^^
--|   |
--|   = help: Write it at the end of the SELECT or INSERT that reads this.

SET 'sloth.epoch.max-rows' = '3' EMIT CHANGES;
--| error: EMIT belongs to a query that runs: a SELECT or an INSERT
--|  --> emit.sql:1:34
--|   |
--| 1 | SET 'sloth.epoch.max-rows' = '3' EMIT CHANGES;
--|   |                                  ^^^^^^^^^^^^
--|   |
--|   = help: Write it at the end of the SELECT or INSERT that reads this.

-- Sessions.
SELECT window_start, window_end, shop, SUM(amount) AS total
FROM TABLE(SESSION(TABLE orders PARTITION BY shop, DESCRIPTOR(ts), INTERVAL '8' SECOND)) GROUP BY window_start, window_end, shop
EMIT CHANGES;
--| +I[2024-11-11T00:00:01, 2024-11-11T00:00:27, a, 53]
--| +I[2024-11-11T00:00:12, 2024-11-11T00:00:20, b, 2]
--| +I[2024-11-11T00:00:31, 2024-11-11T00:00:39, b, 8]

SELECT SESSION_START(ts, INTERVAL '9' SECOND) AS s, SESSION_END(ts, INTERVAL '9' SECOND) AS e, shop, SUM(amount) AS total, ARRAY_AGG(id) AS ids
FROM changes GROUP BY shop, SESSION(ts, INTERVAL '9' SECOND) EMIT EVERY INTERVAL '1' SECOND ALLOW LATENESS INTERVAL '1' MINUTE;
--| +I[2024-11-11T00:00:01, 2024-11-11T00:00:18, a, 104, [1, 3]]
--| +I[2024-11-11T00:00:31, 2024-11-11T00:00:40, b, 8, [4]]

SELECT SESSION_START(ts, INTERVAL '5' SECOND) AS s, COUNT(*) AS n FROM orders GROUP BY SESSION(ts, INTERVAL '5' SECOND)
EMIT ALLOW LATENESS INTERVAL '1' MINUTE;
--| +I[2024-11-11T00:00:01, 1]
--| +I[2024-11-11T00:00:09, 3]
--| +I[2024-11-11T00:00:19, 1]
--| +I[2024-11-11T00:00:31, 1]

EXPLAIN SELECT shop, SESSION_END(ts, INTERVAL '1' MINUTE) AS e, COUNT(*) AS n FROM orders GROUP BY shop, SESSION(ts, INTERVAL '1' MINUTE) EMIT CHANGES;
--| Sink result (print) #4
--|     changelog: retract, one row for each e, shop
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: shop = shop@3, $window_start('SESSION',orders.ts,60000) = window_start@0, $window_end('SESSION',orders.ts,60000) = window_end@1, $window_time('SESSION',orders.ts,60000) = window_time@2, count(*) = count(*)@4
--|       project: shop = shop@0, e = $window_end('SESSION',orders.ts,60000)@2, n = count(*)@4
--|       changelog: retract, one row for each e, shop
--|     SessionAggregate SESSION(gap=1 min) by shop #2
--|         computes: count(*)
--|         exchange: by hash of shop
--|         emits what has changed in every epoch, and when the watermark passes a session's end; watermark of orders
--|         state: open sessions of each key; freed when the session closes
--|         changelog: retract, one row for each window_end, shop
--|       Source orders (inline) #0
--|           reads: shop, ts
--|           project: c0 = ts@1, shop = shop@0
--|           watermark: ts - 60000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

-- Joins and rankings are held back as well.
SELECT o.id, c.amount FROM orders o LEFT JOIN changes c ON o.id = c.id EMIT EVERY INTERVAL '1' SECOND;
--| +I[1, 100]
--| +I[2, null]
--| +I[3, 4]
--| +I[4, 8]
--| +I[5, null]
--| +I[6, null]

SELECT shop, id, amount FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY shop ORDER BY amount DESC) AS n FROM changes) WHERE n <= 1 EMIT EVERY INTERVAL '1' SECOND;
--| +I[a, 1, 100]
--| +I[b, 4, 8]

SELECT a.shop, a.total, b.n FROM (SELECT shop, SUM(amount) AS total FROM changes GROUP BY shop) a JOIN (SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop) b ON a.shop = b.shop EMIT EVERY INTERVAL '1' SECOND;
--| +I[a, 104, 4]
--| +I[b, 8, 2]

EXPLAIN SELECT o.id, c.amount FROM orders o LEFT JOIN changes c ON o.id = c.id EMIT EVERY INTERVAL '1' SECOND;
--| Sink result (print) #7
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Throttle #6
--|       emits what has changed every 1 s
--|       state: the changes since it last did
--|       changelog: retract
--|     Map #5
--|         project: id = id@0, id = id@1, amount = amount@2
--|         project: id = id@0, amount = amount@2
--|         changelog: retract
--|       Join Left #4
--|           on: (id) = (id)
--|           exchange: by hash of id and of id
--|           state: the rows of both sides, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|           changelog: retract
--|         Source orders (inline) #0
--|             reads: id, ts
--|             project: id = id@0
--|             watermark: ts - 60000 ms, the minimum over splits that are not idle
--|             bad records: counted and skipped
--|             changelog: append-only
--|         Source changes (inline) #2
--|             reads: id, amount, ts
--|             project: id = id@0, amount = amount@1
--|             watermark: ts - 60000 ms, the minimum over splits that are not idle
--|             bad records: counted and skipped
--|             changelog: retract
