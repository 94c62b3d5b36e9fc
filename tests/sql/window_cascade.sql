-- A window over a window's result: window_time is a time attribute, the bounds can be grouped by again.
CREATE TABLE bids (item STRING, price INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,1,2024-11-11 00:00:01
b,2,2024-11-11 00:00:04
a,3,2024-11-11 00:00:08
a,4,2024-11-11 00:00:11
b,5,2024-11-11 00:00:26
');

CREATE VIEW per_item AS
SELECT item, window_start, window_end, window_time AS rowtime, COUNT(*) AS n, MAX(price) AS top
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' SECOND))
GROUP BY item, window_start, window_end, window_time;

SELECT * FROM per_item;
--| +I[a, 2024-11-11T00:00, 2024-11-11T00:00:05, 2024-11-11T00:00:04.999, 1, 1]
--| +I[a, 2024-11-11T00:00:05, 2024-11-11T00:00:10, 2024-11-11T00:00:09.999, 1, 3]
--| +I[a, 2024-11-11T00:00:10, 2024-11-11T00:00:15, 2024-11-11T00:00:14.999, 1, 4]
--| +I[b, 2024-11-11T00:00, 2024-11-11T00:00:05, 2024-11-11T00:00:04.999, 1, 2]
--| +I[b, 2024-11-11T00:00:25, 2024-11-11T00:00:30, 2024-11-11T00:00:29.999, 1, 5]

-- A longer window over the shorter one: the inner bounds need other names.
CREATE VIEW renamed AS SELECT item, window_start AS inner_start, rowtime, n, top FROM per_item;
SELECT window_start, window_end, SUM(n) AS n, MAX(top) AS top, MIN(inner_start) AS first_start
FROM TABLE(TUMBLE(TABLE renamed, DESCRIPTOR(rowtime), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, 3, 3, 2024-11-11T00:00]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:20, 1, 4, 2024-11-11T00:00:10]
--| +I[2024-11-11T00:00:20, 2024-11-11T00:00:30, 1, 5, 2024-11-11T00:00:25]

SELECT window_start, window_end, SUM(n) AS n, MAX(top) AS top
FROM TABLE(TUMBLE(TABLE per_item, DESCRIPTOR(rowtime), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| error: the window's input already has a column 'window_start'
--|  --> window_cascade.sql:1:1
--|   |
--| 1 | SELECT window_start, window_end, SUM(n) AS n, MAX(top) AS top
--|   | ^^^^^^
--|   |
--|   = help: Rename it in the inner query, for instance window_start AS inner_start.

-- The same window again, without the item.
SELECT window_start, window_end, COUNT(*) AS items, SUM(n) AS n
FROM per_item GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:05, 2, 2]
--| +I[2024-11-11T00:00:05, 2024-11-11T00:00:10, 1, 1]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:15, 1, 1]
--| +I[2024-11-11T00:00:25, 2024-11-11T00:00:30, 1, 1]

-- The legacy syntax: _ROWTIME is the time attribute.
CREATE VIEW legacy AS
SELECT item, TUMBLE_ROWTIME(ts, INTERVAL '5' SECOND) AS rt, COUNT(*) AS n FROM bids GROUP BY item, TUMBLE(ts, INTERVAL '5' SECOND);
SELECT TUMBLE_START(rt, INTERVAL '15' SECOND) AS s, SUM(n) AS n FROM legacy GROUP BY TUMBLE(rt, INTERVAL '15' SECOND);
--| +I[2024-11-11T00:00, 4]
--| +I[2024-11-11T00:00:15, 1]

-- A session over a window.
SELECT SESSION_START(rt, INTERVAL '6' SECOND) AS s, SESSION_END(rt, INTERVAL '6' SECOND) AS e, SUM(n) AS n
FROM legacy GROUP BY SESSION(rt, INTERVAL '6' SECOND);
--| +I[2024-11-11T00:00:04.999, 2024-11-11T00:00:20.999, 4]
--| +I[2024-11-11T00:00:29.999, 2024-11-11T00:00:35.999, 1]

-- A filter between the two, and a window over a session.
SELECT window_start, SUM(n) AS n FROM (SELECT window_start, window_end, n FROM per_item WHERE item = 'a')
GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 1]
--| +I[2024-11-11T00:00:05, 1]
--| +I[2024-11-11T00:00:10, 1]

CREATE VIEW sessions AS
SELECT item, SESSION_ROWTIME(ts, INTERVAL '4' SECOND) AS rt, COUNT(*) AS n FROM bids GROUP BY item, SESSION(ts, INTERVAL '4' SECOND);
SELECT TUMBLE_END(rt, INTERVAL '1' MINUTE) AS e, COUNT(*) AS sessions, SUM(n) AS n FROM sessions GROUP BY TUMBLE(rt, INTERVAL '1' MINUTE);
--| +I[2024-11-11T00:01, 4, 5]

-- After an expression a time is no time attribute any more.
CREATE VIEW shifted AS SELECT item, rowtime + INTERVAL '1' SECOND AS later FROM per_item;
SELECT COUNT(*) FROM shifted GROUP BY TUMBLE(later, INTERVAL '10' SECOND);
--| error: column 'later' is no time attribute, so windows over it would never close
--|  --> window_cascade.sql:3:46
--|   |
--| 3 | SELECT COUNT(*) FROM shifted GROUP BY TUMBLE(later, INTERVAL '10' SECOND);
--|   |                                              ^^^^^
--|   |
--|   = help: Declare WATERMARK FOR later AS later - INTERVAL '5' SECOND in the table, or use a column AS PROCTIME(); a column stays a time attribute only while it is passed on unchanged.
