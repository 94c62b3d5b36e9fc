-- Joins of windowed inputs on their window: results come when the watermark closes a window, and are final.
CREATE TABLE l (id INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,a,2024-11-11 00:00:01
2,b,2024-11-11 00:00:02
3,a,2024-11-11 00:00:11
4,-,2024-11-11 00:00:12
5,c,2024-11-11 00:00:31
');

CREATE TABLE r (n INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
10,a,2024-11-11 00:00:03
20,a,2024-11-11 00:00:04
30,c,2024-11-11 00:00:12
40,-,2024-11-11 00:00:13
50,c,2024-11-11 00:00:33
');

CREATE VIEW lw AS SELECT * FROM TABLE(TUMBLE(TABLE l, DESCRIPTOR(ts), INTERVAL '10' SECOND));

CREATE VIEW rw AS SELECT * FROM TABLE(TUMBLE(TABLE r, DESCRIPTOR(ts), INTERVAL '10' SECOND));

SELECT l.id, r.n, l.window_start, l.window_end FROM lw l JOIN rw r ON l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end;
--| +I[1, 10, 2024-11-11T00:00, 2024-11-11T00:00:10]
--| +I[1, 20, 2024-11-11T00:00, 2024-11-11T00:00:10]
--| +I[5, 50, 2024-11-11T00:00:30, 2024-11-11T00:00:40]

SELECT l.id, r.n, l.window_end FROM lw l LEFT JOIN rw r ON l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end;
--| +I[1, 10, 2024-11-11T00:00:10]
--| +I[1, 20, 2024-11-11T00:00:10]
--| +I[2, null, 2024-11-11T00:00:10]
--| +I[3, null, 2024-11-11T00:00:20]
--| +I[4, null, 2024-11-11T00:00:20]
--| +I[5, 50, 2024-11-11T00:00:40]

SELECT l.id, r.n, r.window_end FROM lw l RIGHT JOIN rw r ON l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end;
--| +I[1, 10, 2024-11-11T00:00:10]
--| +I[1, 20, 2024-11-11T00:00:10]
--| +I[5, 50, 2024-11-11T00:00:40]
--| +I[null, 30, 2024-11-11T00:00:20]
--| +I[null, 40, 2024-11-11T00:00:20]

SELECT l.id, r.n, COALESCE(l.window_end, r.window_end) AS e FROM lw l FULL JOIN rw r ON l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end;
--| +I[1, 10, 2024-11-11T00:00:10]
--| +I[1, 20, 2024-11-11T00:00:10]
--| +I[2, null, 2024-11-11T00:00:10]
--| +I[3, null, 2024-11-11T00:00:20]
--| +I[4, null, 2024-11-11T00:00:20]
--| +I[5, 50, 2024-11-11T00:00:40]
--| +I[null, 30, 2024-11-11T00:00:20]
--| +I[null, 40, 2024-11-11T00:00:20]

SELECT l.id FROM lw l WHERE EXISTS (SELECT 1 FROM rw r WHERE l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end);
--| +I[1]
--| +I[5]

SELECT l.id FROM lw l WHERE NOT EXISTS (SELECT 1 FROM rw r WHERE l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end);
--| +I[2]
--| +I[3]
--| +I[4]

SELECT l.id FROM lw l WHERE l.k IN (SELECT r.k FROM rw r WHERE l.window_start = r.window_start AND l.window_end = r.window_end);
--| +I[1]
--| +I[5]

SELECT l.id, r.n FROM lw l JOIN rw r ON l.window_start = r.window_start AND l.window_end = r.window_end AND l.id < r.n - 9;
--| +I[1, 20]
--| +I[2, 20]
--| +I[3, 30]
--| +I[3, 40]
--| +I[4, 30]
--| +I[4, 40]
--| +I[5, 50]

-- A window over the result of a window join.
SELECT w.window_start, w.window_end, COUNT(*) AS pairs FROM (
  SELECT l.window_start, l.window_end FROM lw l JOIN rw r ON l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end
) w GROUP BY w.window_start, w.window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, 2]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:00:40, 1]

-- Nexmark's q5: the items with the most rows of a window.
SELECT a.k, a.num, a.e FROM (
  SELECT k, COUNT(*) AS num, window_start AS s, window_end AS e FROM TABLE(HOP(TABLE l, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end
) a JOIN (
  SELECT MAX(num) AS top, s, e FROM (
    SELECT COUNT(*) AS num, window_start AS s, window_end AS e FROM TABLE(HOP(TABLE l, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end
  ) GROUP BY s, e
) m ON a.s = m.s AND a.e = m.e AND a.num >= m.top;
--| +I[a, 1, 2024-11-11T00:00:05]
--| +I[a, 1, 2024-11-11T00:00:10]
--| +I[a, 1, 2024-11-11T00:00:15]
--| +I[a, 1, 2024-11-11T00:00:20]
--| +I[b, 1, 2024-11-11T00:00:05]
--| +I[b, 1, 2024-11-11T00:00:10]
--| +I[c, 1, 2024-11-11T00:00:35]
--| +I[c, 1, 2024-11-11T00:00:40]
--| +I[null, 1, 2024-11-11T00:00:15]
--| +I[null, 1, 2024-11-11T00:00:20]

EXPLAIN SELECT l.id, r.n FROM lw l LEFT JOIN rw r ON l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end;
--| Sink result (print) #10
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #9
--|       project: id = id@0, k = k@1, window_start = window_start@2, window_end = window_end@3, n = n@4, k = k@5, window_start = window_start@6, window_end = window_end@7
--|       project: id = id@0, n = n@4
--|       changelog: append-only
--|     WindowJoin Left #8
--|         on: (k, window_start, window_end) = (k, window_start, window_end)
--|         exchange: by hash of k, window_start, window_end and of k, window_start, window_end
--|         emits when the watermark passes a window's end; watermark of l, r
--|         state: the rows of open windows; freed when the window closes
--|         changelog: append-only
--|       Map #3
--|           project: id = id@0, k = k@1, window_start = window_start@3, window_end = window_end@4
--|           changelog: append-only
--|         WindowAssign TUMBLE(size=10 s) on $time #2
--|             changelog: append-only
--|           Source l (inline) #0
--|               reads: id, k, ts
--|               project: id = id@0, k = k@1, ts = ts@2, $time = ts@2
--|               project: id = id@0, k = k@1, $time = $time@3
--|               watermark: ts - 0 ms, the minimum over splits that are not idle
--|               bad records: counted and skipped
--|               changelog: append-only
--|       Map #7
--|           project: n = n@0, k = k@1, window_start = window_start@3, window_end = window_end@4
--|           changelog: append-only
--|         WindowAssign TUMBLE(size=10 s) on $time #6
--|             changelog: append-only
--|           Source r (inline) #4
--|               reads: n, k, ts
--|               project: n = n@0, k = k@1, ts = ts@2, $time = ts@2
--|               project: n = n@0, k = k@1, $time = $time@3
--|               watermark: ts - 0 ms, the minimum over splits that are not idle
--|               bad records: counted and skipped
--|               changelog: append-only
