-- EXPLAIN: the streaming plan.
CREATE TABLE orders (id INT, shop STRING, amount DECIMAL(10, 2), unused STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '');
CREATE TABLE out_orders (shop STRING, total DECIMAL(38, 2)) WITH ('connector' = 'print');

EXPLAIN SELECT id, amount * 2 AS twice FROM orders WHERE shop = 'a';
--| Sink result (print) #2
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Source orders (inline) #0
--|       reads: id, shop, amount, ts
--|       project: id = id@0, shop = shop@1, amount = amount@2
--|       filter: shop@1 = a
--|       project: id = id@0, twice = amount@2 * 2
--|       watermark: ts - 5000 ms, the minimum over splits that are not idle
--|       bad records: counted and skipped
--|       changelog: append-only

EXPLAIN SELECT shop, window_start, SUM(amount) AS total, COUNT(DISTINCT id) AS ids FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '5' MINUTE)) GROUP BY shop, window_start, window_end;
--| Sink result (print) #4
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: shop = shop@3, window_start = window_start@0, window_end = window_end@1, sum(orders.amount) = sum(orders.amount)@4, count(DISTINCT orders.id) = count(DISTINCT orders.id)@5
--|       project: shop = shop@0, window_start = window_start@1, total = sum(orders.amount)@3, ids = count(DISTINCT orders.id)@4
--|       changelog: append-only
--|     WindowAggregate TUMBLE(size=5 min) by shop #2
--|         computes: sum(orders.amount), count(DISTINCT orders.id)
--|         exchange: by hash of shop, after a local aggregation
--|         emits when the watermark passes a window's end; watermark of orders
--|         state: open windows, one entry per key and pane; freed when the window closes
--|         changelog: append-only
--|       Source orders (inline) #0
--|           reads: id, shop, amount, ts
--|           project: id = id@0, shop = shop@1, amount = amount@2, ts = ts@3, $time = ts@3
--|           project: id = id@0, shop = shop@1, amount = amount@2, $time = $time@4
--|           project: c0 = $time@3, shop = shop@1, c2 = amount@2, c3 = id@0
--|           watermark: ts - 5000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT shop, SESSION_END(ts, INTERVAL '1' MINUTE) AS e, COUNT(*) AS n FROM orders GROUP BY shop, SESSION(ts, INTERVAL '1' MINUTE);
--| Sink result (print) #4
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: shop = shop@3, $window_start('SESSION',orders.ts,60000) = window_start@0, $window_end('SESSION',orders.ts,60000) = window_end@1, $window_time('SESSION',orders.ts,60000) = window_time@2, count(*) = count(*)@4
--|       project: shop = shop@0, e = $window_end('SESSION',orders.ts,60000)@2, n = count(*)@4
--|       changelog: append-only
--|     SessionAggregate SESSION(gap=1 min) by shop #2
--|         computes: count(*)
--|         exchange: by hash of shop
--|         emits when the watermark passes a session's end; watermark of orders
--|         state: open sessions of each key; freed when the session closes
--|         changelog: append-only
--|       Source orders (inline) #0
--|           reads: shop, ts
--|           project: c0 = ts@1, shop = shop@0
--|           watermark: ts - 5000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT shop, COUNT(*) AS n FROM orders GROUP BY shop;
--| Sink result (print) #4
--|     changelog: retract, one row for each shop
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: shop = shop@0, count(*) = count(*)@1
--|       project: shop = shop@0, n = count(*)@1
--|       changelog: retract, one row for each shop
--|     GroupAggregate by shop #2
--|         computes: count(*)
--|         exchange: by hash of shop, after a local aggregation
--|         emits the changed groups of every epoch
--|         state: one entry per key, kept for ever (warning: grows with the number of keys; STATE_TTL bounds it)
--|         changelog: retract, one row for each shop
--|       Source orders (inline) #0
--|           reads: shop, ts
--|           project: shop = shop@0
--|           project: shop = shop@0
--|           watermark: ts - 5000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN INSERT INTO out_orders SELECT shop, SUM(amount) FROM orders GROUP BY shop, TUMBLE(ts, INTERVAL '1' HOUR);
--| Sink out_orders (print) #4
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: shop = shop@3, $window_start('TUMBLE',orders.ts,3600000) = window_start@0, $window_end('TUMBLE',orders.ts,3600000) = window_end@1, $window_time('TUMBLE',orders.ts,3600000) = window_time@2, sum(orders.amount) = sum(orders.amount)@4
--|       project: shop = shop@0, total = sum(orders.amount)@4
--|       changelog: append-only
--|     WindowAggregate TUMBLE(size=1 h) by shop #2
--|         computes: sum(orders.amount)
--|         exchange: by hash of shop, after a local aggregation
--|         emits when the watermark passes a window's end; watermark of orders
--|         state: open windows, one entry per key and pane; freed when the window closes
--|         changelog: append-only
--|       Source orders (inline) #0
--|           reads: shop, amount, ts
--|           project: c0 = ts@2, shop = shop@0, c2 = amount@1
--|           watermark: ts - 5000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT id FROM orders UNION ALL SELECT id + 1 FROM orders;
--| Sink result (print) #4
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Union #3
--|       changelog: append-only
--|     Map #1
--|         project: id = id@0
--|         project: id = CAST(id@0 AS Int64)
--|         project: id = id@0
--|         changelog: append-only
--|       Source orders (inline) #0
--|           reads: id, ts
--|           watermark: ts - 5000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only
--|     Map #2
--|         project: id = id@0
--|         project: id = CAST(id@0 AS Int64) + 1
--|         project: id = id@0
--|         changelog: append-only
--|       #0 (see above)

EXPLAIN SELECT window_start, SUM(n) AS n FROM (SELECT window_start, window_end, shop, COUNT(*) AS n FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)) GROUP BY shop, window_start, window_end) GROUP BY window_start, window_end;
--| Sink result (print) #6
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #5
--|       project: window_start = window_start@0, window_end = window_end@1, sum(n) = sum(n)@3
--|       project: window_start = window_start@0, n = sum(n)@2
--|       changelog: append-only
--|     WindowAggregate given windows #4
--|         computes: sum(n)
--|         exchange: to one worker, after a local aggregation
--|         emits when the watermark passes a window's end; watermark of orders
--|         state: open windows, one entry per key and pane; freed when the window closes
--|         changelog: append-only
--|       Map #3
--|           project: shop = shop@3, window_start = window_start@0, window_end = window_end@1, count(*) = count(*)@4
--|           project: window_start = window_start@1, window_end = window_end@2, n = count(*)@3
--|           project: c0 = window_start@0, c1 = window_end@1, c2 = n@2
--|           changelog: append-only
--|         WindowAggregate HOP(slide=1 min, size=5 min) by shop #2
--|             computes: count(*)
--|             exchange: by hash of shop, after a local aggregation
--|             emits when the watermark passes a window's end; watermark of orders
--|             state: open windows, one entry per key and pane; freed when the window closes
--|             changelog: append-only
--|           Source orders (inline) #0
--|               reads: shop, ts
--|               project: shop = shop@0, ts = ts@1, $time = ts@1
--|               project: shop = shop@0, $time = $time@2
--|               project: c0 = $time@1, shop = shop@0
--|               watermark: ts - 5000 ms, the minimum over splits that are not idle
--|               bad records: counted and skipped
--|               changelog: append-only
