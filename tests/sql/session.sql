-- SESSION: a window grows with each row and closes after a gap.
CREATE TABLE visits (who STRING, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '20' SECOND)
WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
ann,1,2024-11-11 00:00:00
bob,2,2024-11-11 00:00:03
ann,4,2024-11-11 00:00:15
ann,8,2024-11-11 00:00:08
bob,16,2024-11-11 00:00:13.001
-,32,2024-11-11 00:00:30
ann,64,2024-11-11 00:01:00
');

-- ann's rows at 0 and 15 become one session by the one at 8.
SELECT who, SESSION_START(ts, INTERVAL '10' SECOND) AS s, SESSION_END(ts, INTERVAL '10' SECOND) AS e,
  SESSION_ROWTIME(ts, INTERVAL '10' SECOND) AS r, COUNT(*) AS n, SUM(amount) AS total
FROM visits GROUP BY who, SESSION(ts, INTERVAL '10' SECOND);
--| +I[ann, 2024-11-11T00:00, 2024-11-11T00:00:25, 2024-11-11T00:00:24.999, 3, 13]
--| +I[ann, 2024-11-11T00:01, 2024-11-11T00:01:10, 2024-11-11T00:01:09.999, 1, 64]
--| +I[bob, 2024-11-11T00:00:03, 2024-11-11T00:00:13, 2024-11-11T00:00:12.999, 1, 2]
--| +I[bob, 2024-11-11T00:00:13.001, 2024-11-11T00:00:23.001, 2024-11-11T00:00:23, 1, 16]
--| +I[null, 2024-11-11T00:00:30, 2024-11-11T00:00:40, 2024-11-11T00:00:39.999, 1, 32]

SELECT who, window_start, window_end, SUM(amount) AS total
FROM TABLE(SESSION(TABLE visits PARTITION BY who, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY who, window_start, window_end;
--| +I[ann, 2024-11-11T00:00, 2024-11-11T00:00:25, 13]
--| +I[ann, 2024-11-11T00:01, 2024-11-11T00:01:10, 64]
--| +I[bob, 2024-11-11T00:00:03, 2024-11-11T00:00:13, 2]
--| +I[bob, 2024-11-11T00:00:13.001, 2024-11-11T00:00:23.001, 16]
--| +I[null, 2024-11-11T00:00:30, 2024-11-11T00:00:40, 32]

-- Without keys all rows are in the same sessions.
SELECT window_start, window_end, COUNT(*) AS n
FROM TABLE(SESSION(TABLE visits, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:25, 5]
--| +I[2024-11-11T00:00:30, 2024-11-11T00:00:40, 1]
--| +I[2024-11-11T00:01, 2024-11-11T00:01:10, 1]

SELECT * FROM TABLE(SESSION(TABLE visits, DESCRIPTOR(ts), INTERVAL '10' SECOND));
--| error: a SESSION window can only be used to aggregate
--|  --> session.sql:1:21
--|   |
--| 1 | SELECT * FROM TABLE(SESSION(TABLE visits, DESCRIPTOR(ts), INTERVAL '10' SECOND));
--|   |                     ^^^^^^^
--|   |
--|   = help: Group by window_start and window_end (and the keys).

SELECT window_start, COUNT(*) AS n
FROM TABLE(SESSION(TABLE visits PARTITION BY who, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| error: the keys of the GROUP BY differ from the PARTITION BY of the session
--|  --> session.sql:2:33
--|   |
--| 2 | FROM TABLE(SESSION(TABLE visits PARTITION BY who, DESCRIPTOR(ts), INTERVAL '10' SECOND))
--|   |                                 ^^^^^^^^^^^^
--|   |
--|   = help: Group by window_start, window_end and exactly the columns of the session's PARTITION BY.

-- Sessions of all visitors together are not the sessions of each.
SELECT who, window_start, window_end, COUNT(*) AS n
FROM TABLE(SESSION(TABLE visits, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY who, window_start, window_end;
--| error: the keys of the GROUP BY differ from the PARTITION BY of the session
--|  --> session.sql:3:12
--|   |
--| 3 | FROM TABLE(SESSION(TABLE visits, DESCRIPTOR(ts), INTERVAL '10' SECOND))
--|   |            ^^^^^^^
--|   |
--|   = help: Group by window_start, window_end and exactly the columns of the session's PARTITION BY.

-- A filter would come before the sessions.
SELECT who, window_start, window_end, COUNT(*) AS n
FROM TABLE(SESSION(TABLE visits PARTITION BY who, DESCRIPTOR(ts), INTERVAL '10' SECOND))
WHERE amount > 4
GROUP BY who, window_start, window_end;
--| error: WHERE over a SESSION table function is not offered
--|  --> session.sql:4:1
--|   |
--| 4 | WHERE amount > 4
--|   | ^^^^^
--|   |
--|   = help: Filter its input instead, SESSION((SELECT … WHERE …), …), or filter each aggregate with FILTER (WHERE …).
