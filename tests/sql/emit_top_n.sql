-- EMIT for what is computed within windows: the first rows of a window and its pairs are told early, corrected, and
-- forgotten with the window. In the end all is as without EMIT.
CREATE TABLE bids (id INT, item STRING, price INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '60' SECOND) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,10,2024-11-11 00:00:01
2,a,30,2024-11-11 00:00:03
3,b,20,2024-11-11 00:00:09
4,b,40,2024-11-11 00:00:12
5,a,5,2024-11-11 00:00:19
6,b,15,2024-11-11 00:00:08
7,a,50,2024-11-11 00:00:40
');
CREATE TABLE changes (id INT, item STRING, price INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '60' SECOND) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,a,10,2024-11-11 00:00:01
+2,a,30,2024-11-11 00:00:03
+3,b,20,2024-11-11 00:00:09
-2,a,30,2024-11-11 00:00:03
+4,b,40,2024-11-11 00:00:12
');

-- The highest bid of each window, over rows as they come.
SELECT window_start, id, price FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS n
  FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)))
WHERE n <= 1 EMIT CHANGES;
--| +I[2024-11-11T00:00, 2, 30]
--| +I[2024-11-11T00:00:10, 4, 40]
--| +I[2024-11-11T00:00:40, 7, 50]

SELECT window_start, id, price FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS n
  FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)))
WHERE n <= 1 EMIT EVERY INTERVAL '1' SECOND;
--| +I[2024-11-11T00:00, 2, 30]
--| +I[2024-11-11T00:00:10, 4, 40]
--| +I[2024-11-11T00:00:40, 7, 50]

SELECT window_start, id, price, n FROM (
  SELECT *, RANK() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n
  FROM TABLE(TUMBLE(TABLE changes, DESCRIPTOR(ts), INTERVAL '10' SECOND)))
WHERE n <= 2 EMIT ON WINDOW CLOSE;
--| +I[2024-11-11T00:00, 1, 10, 1]
--| +I[2024-11-11T00:00, 3, 20, 2]
--| +I[2024-11-11T00:00:10, 4, 40, 1]

SELECT window_start, id, price, n FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, item ORDER BY price) AS n
  FROM TABLE(TUMBLE(TABLE changes, DESCRIPTOR(ts), INTERVAL '10' SECOND)))
WHERE n = 1 EMIT CHANGES ALLOW LATENESS INTERVAL '1' MINUTE;
--| +I[2024-11-11T00:00, 1, 10, 1]
--| +I[2024-11-11T00:00, 3, 20, 1]
--| +I[2024-11-11T00:00:10, 4, 40, 1]

-- What is computed behind such a ranking follows its corrections.
SELECT window_start, SUM(price) AS best_two FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS n
  FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)))
WHERE n <= 2 GROUP BY window_start, window_end EMIT CHANGES;
--| +I[2024-11-11T00:00, 50]
--| +I[2024-11-11T00:00:10, 45]
--| +I[2024-11-11T00:00:40, 50]

-- Pairs within windows, of rows that only come and of rows that change.
SELECT l.window_start, l.id, r.id AS other FROM
  (SELECT * FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND))) l
  LEFT JOIN (SELECT * FROM TABLE(TUMBLE(TABLE changes, DESCRIPTOR(ts), INTERVAL '10' SECOND))) r
  ON l.item = r.item AND l.window_start = r.window_start AND l.window_end = r.window_end
EMIT CHANGES;
--| +I[2024-11-11T00:00, 1, 1]
--| +I[2024-11-11T00:00, 2, 1]
--| +I[2024-11-11T00:00, 3, 3]
--| +I[2024-11-11T00:00, 6, 3]
--| +I[2024-11-11T00:00:10, 4, 4]
--| +I[2024-11-11T00:00:10, 5, null]
--| +I[2024-11-11T00:00:40, 7, null]

SELECT l.window_start, l.id, r.id AS other FROM
  (SELECT * FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND))) l
  FULL JOIN (SELECT * FROM TABLE(TUMBLE(TABLE changes, DESCRIPTOR(ts), INTERVAL '10' SECOND))) r
  ON l.item = r.item AND l.window_start = r.window_start AND l.window_end = r.window_end
EMIT ALLOW LATENESS INTERVAL '1' MINUTE;
--| +I[2024-11-11T00:00, 1, 1]
--| +I[2024-11-11T00:00, 2, 1]
--| +I[2024-11-11T00:00, 3, 3]
--| +I[2024-11-11T00:00, 6, 3]
--| +I[2024-11-11T00:00:10, 4, 4]
--| +I[2024-11-11T00:00:10, 5, null]
--| +I[2024-11-11T00:00:40, 7, null]

SELECT l.window_start, l.n, r.n AS others FROM
  (SELECT window_start, window_end, item, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, item) l
  JOIN (SELECT window_start, window_end, item, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE changes, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, item) r
  ON l.item = r.item AND l.window_start = r.window_start AND l.window_end = r.window_end
EMIT EVERY INTERVAL '1' SECOND;
--| +I[2024-11-11T00:00, 2, 1]
--| +I[2024-11-11T00:00, 2, 1]
--| +I[2024-11-11T00:00:10, 1, 1]

EXPLAIN SELECT window_start, id, price FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS n
  FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)))
WHERE n <= 1 EMIT CHANGES ALLOW LATENESS INTERVAL '1' MINUTE;
--| Sink result (print) #6
--|     changelog: retract, one row for each window_start
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #5
--|       project: id = id@0, price = price@1, window_start = window_start@2, window_end = window_end@3
--|       project: id = id@0, price = price@1, window_start = window_start@2
--|       project: window_start = window_start@2, id = id@0, price = price@1
--|       changelog: retract, one row for each window_start
--|     Rank ROW_NUMBER = 1 by window_start, window_end #4
--|         exchange: by hash of window_start, window_end
--|         order: price DESC, then the other columns
--|         emits what has changed in every epoch, and when the watermark passes a window's end; late rows correct it for 1 min more, in every epoch; watermark of bids
--|         state: the first row of each partition; freed 1 min after the window closes
--|         changelog: retract, one row for each window_start, window_end
--|       Map #3
--|           project: id = id@0, price = price@1, window_start = window_start@3, window_end = window_end@4
--|           changelog: append-only
--|         WindowAssign TUMBLE(size=10 s) on $time #2
--|             changelog: append-only
--|           Source bids (inline) #0
--|               reads: id, price, ts
--|               project: id = id@0, price = price@1, ts = ts@2, $time = ts@2
--|               project: id = id@0, price = price@1, $time = $time@3
--|               watermark: ts - 60000 ms, the minimum over splits that are not idle
--|               bad records: counted and skipped
--|               changelog: append-only

EXPLAIN SELECT l.window_start, l.id, r.id AS other FROM
  (SELECT * FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND))) l
  LEFT JOIN (SELECT * FROM TABLE(TUMBLE(TABLE changes, DESCRIPTOR(ts), INTERVAL '10' SECOND))) r
  ON l.item = r.item AND l.window_start = r.window_start AND l.window_end = r.window_end
EMIT CHANGES;
--| Sink result (print) #10
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #9
--|       project: id = id@0, item = item@1, window_start = window_start@2, window_end = window_end@3, id = id@4, item = item@5, window_start = window_start@6, window_end = window_end@7
--|       project: window_start = window_start@2, id = id@0, other = id@4
--|       changelog: retract
--|     WindowJoin Left #8
--|         on: (item, window_start, window_end) = (item, window_start, window_end)
--|         exchange: by hash of item, window_start, window_end and of item, window_start, window_end
--|         emits what has changed in every epoch, and when the watermark passes a window's end; watermark of bids, changes
--|         state: the rows of open windows; freed when the window closes
--|         changelog: retract
--|       Map #3
--|           project: id = id@0, item = item@1, window_start = window_start@3, window_end = window_end@4
--|           changelog: append-only
--|         WindowAssign TUMBLE(size=10 s) on $time #2
--|             changelog: append-only
--|           Source bids (inline) #0
--|               reads: id, item, ts
--|               project: id = id@0, item = item@1, ts = ts@2, $time = ts@2
--|               project: id = id@0, item = item@1, $time = $time@3
--|               watermark: ts - 60000 ms, the minimum over splits that are not idle
--|               bad records: counted and skipped
--|               changelog: append-only
--|       Map #7
--|           project: id = id@0, item = item@1, window_start = window_start@3, window_end = window_end@4
--|           changelog: retract
--|         WindowAssign TUMBLE(size=10 s) on $time #6
--|             changelog: retract
--|           Source changes (inline) #4
--|               reads: id, item, ts
--|               project: id = id@0, item = item@1, ts = ts@2, $time = ts@2
--|               project: id = id@0, item = item@1, $time = $time@3
--|               watermark: ts - 60000 ms, the minimum over splits that are not idle
--|               bad records: counted and skipped
--|               changelog: retract
