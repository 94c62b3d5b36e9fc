-- GROUPING SETS, CUBE and ROLLUP within a window.
CREATE TABLE sales (shop STRING, item STRING, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
a,x,1,2024-11-11 00:00:01
a,y,2,2024-11-11 00:00:02
b,x,4,2024-11-11 00:00:03
-,x,8,2024-11-11 00:00:04
a,x,16,2024-11-11 00:01:00
');
CREATE VIEW minutes AS SELECT * FROM TABLE(TUMBLE(TABLE sales, DESCRIPTOR(ts), INTERVAL '1' MINUTE));

SELECT window_start, shop, item, SUM(amount) AS total FROM minutes
GROUP BY window_start, window_end, GROUPING SETS ((shop), (item), ());
--| +I[2024-11-11T00:00, a, null, 3]
--| +I[2024-11-11T00:00, b, null, 4]
--| +I[2024-11-11T00:00, null, null, 15]
--| +I[2024-11-11T00:00, null, null, 8]
--| +I[2024-11-11T00:00, null, x, 13]
--| +I[2024-11-11T00:00, null, y, 2]
--| +I[2024-11-11T00:01, a, null, 16]
--| +I[2024-11-11T00:01, null, null, 16]
--| +I[2024-11-11T00:01, null, x, 16]

-- GROUPING tells the NULL of a total from the NULL of the data.
SELECT window_start, shop, GROUPING(shop) AS is_total, SUM(amount) AS total FROM minutes
GROUP BY window_start, window_end, ROLLUP (shop);
--| +I[2024-11-11T00:00, a, 0, 3]
--| +I[2024-11-11T00:00, b, 0, 4]
--| +I[2024-11-11T00:00, null, 0, 8]
--| +I[2024-11-11T00:00, null, 1, 15]
--| +I[2024-11-11T00:01, a, 0, 16]
--| +I[2024-11-11T00:01, null, 1, 16]

SELECT window_start, shop, item, COUNT(*) AS n FROM minutes GROUP BY window_start, window_end, CUBE (shop, item);
--| +I[2024-11-11T00:00, a, null, 2]
--| +I[2024-11-11T00:00, a, x, 1]
--| +I[2024-11-11T00:00, a, y, 1]
--| +I[2024-11-11T00:00, b, null, 1]
--| +I[2024-11-11T00:00, b, x, 1]
--| +I[2024-11-11T00:00, null, null, 1]
--| +I[2024-11-11T00:00, null, null, 4]
--| +I[2024-11-11T00:00, null, x, 1]
--| +I[2024-11-11T00:00, null, x, 3]
--| +I[2024-11-11T00:00, null, y, 1]
--| +I[2024-11-11T00:01, a, null, 1]
--| +I[2024-11-11T00:01, a, x, 1]
--| +I[2024-11-11T00:01, null, null, 1]
--| +I[2024-11-11T00:01, null, x, 1]

SELECT window_start, shop, SUM(amount) AS total FROM minutes
GROUP BY GROUPING SETS ((window_start, window_end, shop), (window_start, window_end));
--| +I[2024-11-11T00:00, a, 3]
--| +I[2024-11-11T00:00, b, 4]
--| +I[2024-11-11T00:00, null, 15]
--| +I[2024-11-11T00:00, null, 8]
--| +I[2024-11-11T00:01, a, 16]
--| +I[2024-11-11T00:01, null, 16]

SELECT window_start, shop, SUM(amount) AS total FROM minutes GROUP BY GROUPING SETS ((window_start, window_end), (shop));
--| error: the window must be part of every grouping set
--|  --> grouping_sets.sql:1:71
--|   |
--| 1 | SELECT window_start, shop, SUM(amount) AS total FROM minutes GROUP BY GROUPING SETS ((window_start, window_end), (shop));
--|   |                                                                       ^^^^^^^^
--|   |
--|   = help: Write GROUP BY window_start, window_end, GROUPING SETS (…).

-- Without a window the result is kept up to date by all keys.
SELECT shop, item, SUM(amount) AS total FROM sales GROUP BY ROLLUP (shop, item);
--| +I[a, null, 19]
--| +I[a, x, 17]
--| +I[a, y, 2]
--| +I[b, null, 4]
--| +I[b, x, 4]
--| +I[null, null, 31]
--| +I[null, null, 8]
--| +I[null, x, 8]

-- An aggregate sees the values also where the key is left out.
SELECT window_start, shop, COUNT(shop) AS shops, MAX(shop) AS last_shop FROM minutes
GROUP BY window_start, window_end, ROLLUP (shop);
--| +I[2024-11-11T00:00, a, 2, a]
--| +I[2024-11-11T00:00, b, 1, b]
--| +I[2024-11-11T00:00, null, 0, null]
--| +I[2024-11-11T00:00, null, 3, b]
--| +I[2024-11-11T00:01, a, 1, a]
--| +I[2024-11-11T00:01, null, 1, a]
