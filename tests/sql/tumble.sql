-- TUMBLE in both syntaxes: windows [start, end), window_time one millisecond before the end.
CREATE TABLE orders (
  id INT, shop STRING, amount DECIMAL(10, 2), ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,a,10.00,2024-11-11 00:00:01
2,b,20.00,2024-11-11 00:04:59.999
3,a,5.50,2024-11-11 00:05:00
4,-,1.00,2024-11-11 00:04:58
5,a,-,2024-11-11 00:11:00
');

-- The query this project began with.
SELECT TUMBLE_START(ts, INTERVAL '5' MINUTE) AS window_start, SUM(amount) AS total_sales
FROM orders GROUP BY TUMBLE(ts, INTERVAL '5' MINUTE);
--| +I[2024-11-11T00:00, 31.00]
--| +I[2024-11-11T00:05, 5.50]
--| +I[2024-11-11T00:10, null]

SELECT TUMBLE_START(ts, INTERVAL '5' MINUTE) AS s, TUMBLE_END(ts, INTERVAL '5' MINUTE) AS e,
  TUMBLE_ROWTIME(ts, INTERVAL '5' MINUTE) AS r, COUNT(*) AS n
FROM orders GROUP BY TUMBLE(ts, INTERVAL '5' MINUTE);
--| +I[2024-11-11T00:00, 2024-11-11T00:05, 2024-11-11T00:04:59.999, 3]
--| +I[2024-11-11T00:05, 2024-11-11T00:10, 2024-11-11T00:09:59.999, 1]
--| +I[2024-11-11T00:10, 2024-11-11T00:15, 2024-11-11T00:14:59.999, 1]

SELECT window_start, window_end, window_time, SUM(amount) AS total, COUNT(amount) AS n
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '5' MINUTE))
GROUP BY window_start, window_end, window_time;
--| +I[2024-11-11T00:00, 2024-11-11T00:05, 2024-11-11T00:04:59.999, 31.00, 3]
--| +I[2024-11-11T00:05, 2024-11-11T00:10, 2024-11-11T00:09:59.999, 5.50, 1]
--| +I[2024-11-11T00:10, 2024-11-11T00:15, 2024-11-11T00:14:59.999, null, 0]

-- Named arguments, other column order, keys, NULL as a key.
SELECT shop, window_end, MAX(id) AS last_id
FROM TABLE(TUMBLE(DATA => TABLE orders, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '5' MINUTE))
GROUP BY window_start, window_end, shop;
--| +I[a, 2024-11-11T00:05, 1]
--| +I[a, 2024-11-11T00:10, 3]
--| +I[a, 2024-11-11T00:15, 5]
--| +I[b, 2024-11-11T00:05, 2]
--| +I[null, 2024-11-11T00:05, 4]

-- An offset moves the start of the windows.
SELECT window_start, COUNT(*) AS n
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '1' MINUTE))
GROUP BY window_start, window_end;
--| +I[2024-11-10T23:56, 1]
--| +I[2024-11-11T00:01, 3]
--| +I[2024-11-11T00:11, 1]

-- Without a window function in the SELECT, and filtered before.
SELECT COUNT(*) AS n FROM orders WHERE amount > 5 GROUP BY TUMBLE(ts, INTERVAL '1' HOUR);
--| +I[3]

-- Expressions over the bounds and over results.
SELECT DATE_FORMAT(window_start, 'HH:mm') || '-' || DATE_FORMAT(window_end, 'HH:mm') AS slot, SUM(amount) / COUNT(*) AS mean
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '5' MINUTE)) GROUP BY window_start, window_end;
--| +I[00:00-00:05, 10.333333]
--| +I[00:05-00:10, 5.500000]
--| +I[00:10-00:15, null]

-- The window table function alone: each row with its window.
SELECT id, window_start, window_end, window_time FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '5' MINUTE));
--| +I[1, 2024-11-11T00:00, 2024-11-11T00:05, 2024-11-11T00:04:59.999]
--| +I[2, 2024-11-11T00:00, 2024-11-11T00:05, 2024-11-11T00:04:59.999]
--| +I[3, 2024-11-11T00:05, 2024-11-11T00:10, 2024-11-11T00:09:59.999]
--| +I[4, 2024-11-11T00:00, 2024-11-11T00:05, 2024-11-11T00:04:59.999]
--| +I[5, 2024-11-11T00:10, 2024-11-11T00:15, 2024-11-11T00:14:59.999]
