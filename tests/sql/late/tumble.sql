-- A row behind the watermark of its window is late: it is counted and left out. [fixed-epochs]
SET 'sloth.epoch.max-rows' = '1';
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:05
2,2024-11-11 00:00:11
3,2024-11-11 00:00:09
4,2024-11-11 00:00:13
5,2024-11-11 00:00:08
');

SELECT window_start, ARRAY_AGG(id) AS ids FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, [1, 3]]
--| +I[2024-11-11T00:00:10, [2, 4]]

--| late rows: 1
