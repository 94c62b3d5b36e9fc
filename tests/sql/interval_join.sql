-- Joins whose condition bounds the distance of event times: rows are freed behind the watermark, nothing is taken back.
CREATE TABLE orders (id INT, item STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,a,2024-11-11 00:00:00
2,b,2024-11-11 00:10:00
3,-,2024-11-11 00:20:00
4,a,2024-11-11 02:00:00
');

CREATE TABLE shipments (n INT, item STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
10,a,2024-11-11 00:30:00
20,a,2024-11-11 01:00:00
30,a,2024-11-11 01:00:01
40,c,2024-11-11 01:10:00
50,a,2024-11-11 03:00:00
');

SELECT o.id, s.n FROM orders o JOIN shipments s ON o.item = s.item AND s.ts BETWEEN o.ts AND o.ts + INTERVAL '1' HOUR;
--| +I[1, 10]
--| +I[1, 20]
--| +I[4, 50]

SELECT o.id, s.n FROM orders o, shipments s WHERE o.item = s.item AND o.ts >= s.ts - INTERVAL '1' HOUR AND o.ts < s.ts;
--| +I[1, 10]
--| +I[1, 20]
--| +I[4, 50]

SELECT o.id, s.n FROM orders o LEFT JOIN shipments s ON o.item = s.item AND s.ts BETWEEN o.ts AND o.ts + INTERVAL '1' HOUR;
--| +I[1, 10]
--| +I[1, 20]
--| +I[2, null]
--| +I[3, null]
--| +I[4, 50]

SELECT o.id, s.n FROM orders o RIGHT JOIN shipments s ON o.item = s.item AND s.ts BETWEEN o.ts AND o.ts + INTERVAL '1' HOUR;
--| +I[1, 10]
--| +I[1, 20]
--| +I[4, 50]
--| +I[null, 30]
--| +I[null, 40]

SELECT o.id, s.n FROM orders o FULL JOIN shipments s ON o.item = s.item AND s.ts BETWEEN o.ts AND o.ts + INTERVAL '1' HOUR AND s.n <> 10;
--| +I[1, 20]
--| +I[2, null]
--| +I[3, null]
--| +I[4, 50]
--| +I[null, 10]
--| +I[null, 30]
--| +I[null, 40]

SELECT o.id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM shipments s WHERE o.item = s.item AND s.ts BETWEEN o.ts AND o.ts + INTERVAL '1' HOUR);
--| +I[2]
--| +I[3]

-- The times of the result are time attributes: windows over them close, held back by what the join keeps back.
SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE((
  SELECT o.id, o.ts FROM orders o JOIN shipments s ON o.item = s.item AND s.ts BETWEEN o.ts AND o.ts + INTERVAL '1' HOUR
), DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2]
--| +I[2024-11-11T02:00, 1]

EXPLAIN SELECT o.id, s.n FROM orders o LEFT JOIN shipments s ON o.item = s.item AND s.ts BETWEEN o.ts AND o.ts + INTERVAL '1' HOUR;
--| Sink result (print) #4
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: id = id@0, item = item@1, ts = ts@2, n = n@3, item = item@4, ts = ts@5
--|       project: id = id@0, n = n@3
--|       changelog: append-only
--|     IntervalJoin Left #2
--|         on: (item) = (item)
--|         and: ts@5 >= ts@2 AND ts@5 <= ts@2 + IntervalMonthDayNano { months: 0, days: 0, nanoseconds: 3600000000000 }
--|         exchange: by hash of item and of item
--|         state: rows whose partners may still come, from -3600000 ms to 0 ms apart; freed behind the watermark of orders, shipments
--|         changelog: append-only
--|       Source orders (inline) #0
--|           reads: id, item, ts
--|           watermark: ts - 0 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only
--|       Source shipments (inline) #1
--|           reads: n, item, ts
--|           watermark: ts - 0 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only

-- Nexmark's q7: the end of a window is a time, too.
EXPLAIN SELECT o.id FROM orders o JOIN (
  SELECT MAX(n) AS top, window_end AS e FROM TABLE(TUMBLE(TABLE shipments, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end
) m ON o.id = m.top WHERE o.ts BETWEEN m.e - INTERVAL '1' HOUR AND m.e;
--| Sink result (print) #7
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #6
--|       project: id = id@0, ts = ts@1, top = top@2, e = e@3
--|       project: id = id@0
--|       changelog: append-only
--|     IntervalJoin Inner #5
--|         on: (id) = (top)
--|         and: ts@1 >= e@3 - IntervalMonthDayNano { months: 0, days: 0, nanoseconds: 3600000000000 } AND ts@1 <= e@3
--|         exchange: by hash of id and of top
--|         state: rows whose partners may still come, from -3599999 ms to 1 ms apart; freed behind the watermark of orders, shipments
--|         changelog: append-only
--|       Source orders (inline) #0
--|           reads: id, ts
--|           watermark: ts - 0 ms, the minimum over splits that are not idle
--|           bad records: counted and skipped
--|           changelog: append-only
--|       Map #4
--|           project: window_start = window_start@0, window_end = window_end@1, max(shipments.n) = max(shipments.n)@3
--|           project: top = max(shipments.n)@2, e = window_end@1
--|           changelog: append-only
--|         WindowAggregate TUMBLE(size=1 h) #3
--|             computes: max(shipments.n)
--|             exchange: to one worker, after a local aggregation
--|             emits when the watermark passes a window's end; watermark of shipments
--|             state: open windows, one entry per key and pane; freed when the window closes
--|             changelog: append-only
--|           Source shipments (inline) #1
--|               reads: n, ts
--|               project: n = n@0, ts = ts@1, $time = ts@1
--|               project: n = n@0, $time = $time@2
--|               project: c0 = $time@1, c1 = n@0
--|               watermark: ts - 0 ms, the minimum over splits that are not idle
--|               bad records: counted and skipped
--|               changelog: append-only
