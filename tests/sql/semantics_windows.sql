-- Windows: [start, end), aligned to 1970-01-01 00:00, whatever the first row; a row at the end belongs to the next one.
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,2024-11-11 00:00:59.999
2,2024-11-11 00:01:00
3,2024-11-11 00:01:59.999
4,-
5,2024-11-11 00:02:00
6,2024-11-11 00:09:59
');

-- A row without a time belongs to no window; windows without rows give nothing.
SELECT window_start, window_end, COUNT(*) AS n, MAX(id) AS last FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:01, 1, 1]
--| +I[2024-11-11T00:01, 2024-11-11T00:02, 2, 3]
--| +I[2024-11-11T00:02, 2024-11-11T00:03, 1, 5]
--| +I[2024-11-11T00:09, 2024-11-11T00:10, 1, 6]

-- The last instant of a window is its end less a millisecond: by it windows of windows are made.
SELECT window_start, window_time FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '5' MINUTE)) GROUP BY window_start, window_end, window_time;
--| +I[2024-11-11T00:00, 2024-11-11T00:04:59.999]
--| +I[2024-11-11T00:05, 2024-11-11T00:09:59.999]

-- A hopping window takes a row size / slide times.
SELECT id, COUNT(*) AS windows FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '3' MINUTE)) GROUP BY id;
--| +I[1, 3]
--| +I[2, 3]
--| +I[3, 3]
--| +I[5, 3]
--| +I[6, 3]

-- A session ends the gap after its last row.
SELECT window_start, window_end, COUNT(*) AS n FROM TABLE(SESSION(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00:59.999, 2024-11-11T00:03, 4]
--| +I[2024-11-11T00:09:59, 2024-11-11T00:10:59, 1]

-- Cumulating windows grow by the step up to their size; a row counts from its step on.
SELECT window_end, COUNT(*) AS n FROM TABLE(CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '3' MINUTE)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:01, 1]
--| +I[2024-11-11T00:02, 3]
--| +I[2024-11-11T00:03, 4]
--| +I[2024-11-11T00:10, 1]
--| +I[2024-11-11T00:11, 1]
--| +I[2024-11-11T00:12, 1]

--| late rows: 5
