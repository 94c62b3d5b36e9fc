-- Late rows, one row an epoch: a watermark after every row, as Flink has it [fixed-epochs]
SET 'sloth.epoch.max-rows' = '1';
SET 'sloth.epoch.max-in-flight' = '1';
CREATE TABLE late_orders (id INT, ts TIMESTAMP(3)) WITH ('connector' = 'print');
CREATE TABLE orders (id INT, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
WITH ('connector' = 'inline', 'format' = 'csv', 'late-rows' = 'late_orders', 'data' = '
1,1,2024-11-11 00:00:01
2,2,2024-11-11 00:00:11.998
3,4,2024-11-11 00:00:09
4,8,2024-11-11 00:00:11.999
5,16,2024-11-11 00:00:09
6,32,2024-11-11 00:00:13
7,64,2024-11-11 00:00:01
');

-- After row 4 the watermark is 9.999 s: the window to 10 s has fired, rows 5 and 7 are late. Row 3 was in time.
SELECT window_start, window_end, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:00:10, 5]
--| +I[2024-11-11T00:00:10, 2024-11-11T00:00:20, 42]

--| late_orders:
--| +I[5, 2024-11-11T00:00:09]
--| +I[7, 2024-11-11T00:00:01]
--| late rows: 2
