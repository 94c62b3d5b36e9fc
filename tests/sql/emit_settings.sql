-- Flink's settings for early and late firing.
SET 'table.exec.emit.early-fire.enabled' = 'true';
SET 'table.exec.emit.early-fire.delay' = '5 s';
CREATE TABLE orders (id INT, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE)
WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,1,2024-11-11 00:00:01
2,2,2024-11-11 00:00:12
3,4,2024-11-11 00:00:09
');

SELECT window_start, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 5]
--| +I[2024-11-11T00:00:10, 2]

EXPLAIN SELECT window_start, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| Sink result (print) #4
--|     changelog: retract, one row for each window_start
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: window_start = window_start@0, window_end = window_end@1, sum(orders.amount) = sum(orders.amount)@3
--|       project: window_start = window_start@0, total = sum(orders.amount)@2
--|       changelog: retract, one row for each window_start
--|     WindowAggregate TUMBLE(size=10 s) #2
--|         computes: sum(orders.amount)
--|         exchange: to one worker, after a local aggregation
--|         emits what has changed every 5 s, and when the watermark passes a window's end; watermark of orders
--|         state: open windows, one entry per key and window; freed when the window closes
--|         changelog: retract, one row for each window_end
--|       Source orders (inline) #0
--|           reads: amount, ts
--|           project: amount = amount@0, ts = ts@1, $time = ts@1
--|           project: amount = amount@0, $time = $time@2
--|           project: c0 = $time@1, c1 = amount@0
--|           watermark: ts - 60000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

-- An EMIT clause has the last word.
EXPLAIN SELECT window_start, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end EMIT ON WINDOW CLOSE;
--| Sink result (print) #4
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: window_start = window_start@0, window_end = window_end@1, sum(orders.amount) = sum(orders.amount)@3
--|       project: window_start = window_start@0, total = sum(orders.amount)@2
--|       changelog: append-only
--|     WindowAggregate TUMBLE(size=10 s) #2
--|         computes: sum(orders.amount)
--|         exchange: to one worker, after a local aggregation
--|         emits when the watermark passes a window's end; watermark of orders
--|         state: open windows, one entry per key and pane; freed when the window closes
--|         changelog: append-only
--|       Source orders (inline) #0
--|           reads: amount, ts
--|           project: amount = amount@0, ts = ts@1, $time = ts@1
--|           project: amount = amount@0, $time = $time@2
--|           project: c0 = $time@1, c1 = amount@0
--|           watermark: ts - 60000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

SET 'table.exec.emit.late-fire.enabled' = 'true';
SET 'table.exec.emit.late-fire.delay' = '0 s';
SELECT window_start, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| error: 'table.exec.emit.late-fire.enabled' needs 'table.exec.emit.allow-lateness'
--|  --> emit_settings.sql:3:1
--|   |
--| 3 | SELECT window_start, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: SET 'table.exec.emit.allow-lateness' = '1 min', or leave late firing off.

SET 'table.exec.emit.allow-lateness' = '1 min';
EXPLAIN SELECT window_start, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| Sink result (print) #4
--|     changelog: retract, one row for each window_start
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: window_start = window_start@0, window_end = window_end@1, sum(orders.amount) = sum(orders.amount)@3
--|       project: window_start = window_start@0, total = sum(orders.amount)@2
--|       changelog: retract, one row for each window_start
--|     WindowAggregate TUMBLE(size=10 s) #2
--|         computes: sum(orders.amount)
--|         exchange: to one worker, after a local aggregation
--|         emits what has changed every 5 s, and when the watermark passes a window's end; late rows correct it for 1 min more, in every epoch; watermark of orders
--|         state: open windows, one entry per key and window; freed 1 min after the window closes
--|         changelog: retract, one row for each window_end
--|       Source orders (inline) #0
--|           reads: amount, ts
--|           project: amount = amount@0, ts = ts@1, $time = ts@1
--|           project: amount = amount@0, $time = $time@2
--|           project: c0 = $time@1, c1 = amount@0
--|           watermark: ts - 60000 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

SET 'table.exec.emit.late-fire.delay' = '2 min';
SELECT window_start, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| error: 'table.exec.emit.late-fire.delay' is longer than 'table.exec.emit.allow-lateness'
--|  --> emit_settings.sql:2:1
--|   |
--| 2 | SELECT window_start, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Corrections would come when the window is gone: choose a shorter delay.

RESET 'table.exec.emit.early-fire.delay';
SELECT window_start, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| error: 'table.exec.emit.early-fire.enabled' needs 'table.exec.emit.early-fire.delay'
--|  --> emit_settings.sql:2:1
--|   |
--| 2 | SELECT window_start, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: SET 'table.exec.emit.early-fire.delay' = '1 s'; '0 s' is: with every change.
