-- A row behind the watermark still counts in the windows that have not fired [fixed-epochs]
SET 'sloth.epoch.max-rows' = '1';
SET 'sloth.epoch.max-in-flight' = '1';
CREATE TABLE orders (id INT, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,1,2024-11-11 00:00:06
2,2,2024-11-11 00:00:12
3,4,2024-11-11 00:00:07
4,8,2024-11-11 00:00:16
5,16,2024-11-11 00:00:07
');

-- Row 3 comes when the window from 0 to 10 s has fired, and is in the one from 5 to 15 s. Row 5 is late for both.
SELECT window_start, window_end, SUM(amount) AS total
FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, 1]
--| +I[2024-11-11T00:00:05, 2024-11-11T00:00:15, 7]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:20, 10]
--| +I[2024-11-11T00:00:15, 2024-11-11T00:00:25, 8]

--| late rows: 1
