-- A row is late for the windows that have closed, and still counts in those that have not. [fixed-epochs]
SET 'sloth.epoch.max-rows' = '1';
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:08
2,2024-11-11 00:00:12
3,2024-11-11 00:00:09
');

SELECT window_start, ARRAY_AGG(id ORDER BY id) AS ids FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, [1]]
--| +I[2024-11-11T00:00:05, [1, 2, 3]]
--| +I[2024-11-11T00:00:10, [2]]
