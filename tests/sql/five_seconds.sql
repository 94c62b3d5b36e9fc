-- A query over rows given in the text.
SELECT a + 1 AS b, UPPER(c) FROM (VALUES (1, 'x'), (2, NULL)) AS t(a, c);
--| +I[2, X]
--| +I[3, null]

SELECT * FROM nowhere;
--| error: table 'nowhere' does not exist
--|  --> five_seconds.sql:1:15
--|   |
--| 1 | SELECT * FROM nowhere;
--|   |               ^^^^^^^
--|   |
--|   = help: Create it first with CREATE TABLE.

CREATE TABLE orders (id INT, amount DECIMAL(10, 2), ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,10.50,2024-11-11 00:00:01
2,20.00,2024-11-11 00:00:04
3,1.25,2024-11-11 00:00:03
4,7.00,2024-11-11 00:00:12
');

SELECT window_start, window_end, SUM(amount) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '5' SECOND))
GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:05, 31.75]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:15, 7.00]
