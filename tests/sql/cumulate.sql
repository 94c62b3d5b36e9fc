-- CUMULATE: windows that share a start and grow by a step.
CREATE TABLE sales (amount INT, shop STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,2024-11-11 00:00:10
2,a,2024-11-11 00:00:50
4,b,2024-11-11 00:01:10
8,a,2024-11-11 00:02:59
16,b,2024-11-11 00:03:00
');

SELECT window_start, window_end, SUM(amount) AS total
FROM TABLE(CUMULATE(TABLE sales, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '3' MINUTE))
GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:01, 3]
--| +I[2024-11-11T00:00, 2024-11-11T00:02, 7]
--| +I[2024-11-11T00:00, 2024-11-11T00:03, 15]
--| +I[2024-11-11T00:03, 2024-11-11T00:04, 16]
--| +I[2024-11-11T00:03, 2024-11-11T00:05, 16]
--| +I[2024-11-11T00:03, 2024-11-11T00:06, 16]

SELECT shop, window_end, SUM(amount) AS total
FROM TABLE(CUMULATE(DATA => TABLE sales, TIMECOL => DESCRIPTOR(ts), STEP => INTERVAL '1' MINUTE, SIZE => INTERVAL '3' MINUTE))
GROUP BY shop, window_start, window_end;
--| +I[a, 2024-11-11T00:01, 3]
--| +I[a, 2024-11-11T00:02, 3]
--| +I[a, 2024-11-11T00:03, 11]
--| +I[b, 2024-11-11T00:02, 4]
--| +I[b, 2024-11-11T00:03, 4]
--| +I[b, 2024-11-11T00:04, 16]
--| +I[b, 2024-11-11T00:05, 16]
--| +I[b, 2024-11-11T00:06, 16]

SELECT amount, window_start, window_end
FROM TABLE(CUMULATE(TABLE sales, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '3' MINUTE)) WHERE amount = 4;
--| +I[4, 2024-11-11T00:00, 2024-11-11T00:02]
--| +I[4, 2024-11-11T00:00, 2024-11-11T00:03]

-- The size must be a whole number of steps.
SELECT window_end, COUNT(*) FROM TABLE(CUMULATE(TABLE sales, DESCRIPTOR(ts), INTERVAL '2' MINUTE, INTERVAL '3' MINUTE))
GROUP BY window_start, window_end;
--| error: CUMULATE: the size must be a multiple of the step
--|  --> cumulate.sql:2:1
--|   |
--| 2 | SELECT window_end, COUNT(*) FROM TABLE(CUMULATE(TABLE sales, DESCRIPTOR(ts), INTERVAL '2' MINUTE, INTERVAL '3' MINUTE))
--|   | ^^^^^^
--|   |
--|   = help: Write CUMULATE(TABLE t, DESCRIPTOR(c), step, size).
