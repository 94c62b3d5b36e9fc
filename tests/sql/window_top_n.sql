-- The first rows of each window, given out when the window closes.
CREATE TABLE bids (item STRING, price INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,4,2024-11-11 00:00:01
b,7,2024-11-11 00:00:02
c,7,2024-11-11 00:00:09
a,9,2024-11-11 00:00:08
b,1,2024-11-11 00:00:11
b,1,2024-11-11 00:00:11
c,2,2024-11-11 00:00:19
a,3,2024-11-11 00:00:25
');

SELECT window_start, item, price, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS rn FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND))) WHERE rn <= 2;
--| +I[2024-11-11T00:00, a, 9, 1]
--| +I[2024-11-11T00:00, b, 7, 2]
--| +I[2024-11-11T00:00:10, b, 1, 2]
--| +I[2024-11-11T00:00:10, c, 2, 1]
--| +I[2024-11-11T00:00:20, a, 3, 1]

SELECT window_end, item, total FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY total DESC, item) AS rn FROM (SELECT window_start, window_end, item, SUM(price) AS total FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, item)) WHERE rn <= 2;
--| +I[2024-11-11T00:00:10, a, 13]
--| +I[2024-11-11T00:00:10, b, 7]
--| +I[2024-11-11T00:00:20, b, 2]
--| +I[2024-11-11T00:00:20, c, 2]
--| +I[2024-11-11T00:00:30, a, 3]

-- Window deduplication: the last row of each item in each window.
SELECT window_end, item, price FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, item ORDER BY ts DESC) AS rn FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND))) WHERE rn = 1;
--| +I[2024-11-11T00:00:10, a, 9]
--| +I[2024-11-11T00:00:10, b, 7]
--| +I[2024-11-11T00:00:10, c, 7]
--| +I[2024-11-11T00:00:20, b, 1]
--| +I[2024-11-11T00:00:20, c, 2]
--| +I[2024-11-11T00:00:30, a, 3]

EXPLAIN SELECT window_end, item, price FROM (SELECT *, RANK() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS rn FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND))) WHERE rn <= 3;
--| Sink result (print) #6
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #5
--|       project: item = item@0, price = price@1, window_start = window_start@2, window_end = window_end@3
--|       project: item = item@0, price = price@1, window_end = window_end@3
--|       project: window_end = window_end@2, item = item@0, price = price@1
--|       changelog: append-only
--|     Rank RANK <= 3 by window_start, window_end #4
--|         exchange: by hash of window_start, window_end
--|         order: price DESC
--|         emits when the watermark passes a window's end; watermark of bids
--|         state: the first 3 of each partition; freed when the window closes
--|         changelog: append-only
--|       Map #3
--|           project: item = item@0, price = price@1, window_start = window_start@3, window_end = window_end@4
--|           changelog: append-only
--|         WindowAssign TUMBLE(size=10 s) on $time #2
--|             changelog: append-only
--|           Source bids (inline) #0
--|               reads: item, price, ts
--|               project: item = item@0, price = price@1, ts = ts@2, $time = ts@2
--|               project: item = item@0, price = price@1, $time = $time@3
--|               watermark: ts - 1000 ms, the minimum over splits that are not idle
--|               bad records: counted and skipped
--|               changelog: append-only
