-- OVER by event time with a watermark after every row: late rows are left out, what was given out stays [fixed-epochs]
SET 'sloth.epoch.max-rows' = '1';
SET 'sloth.epoch.max-in-flight' = '1';
CREATE TABLE ticks (k STRING, v INT, ts TIMESTAMP(3), pt AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,1,2024-11-11 00:00:01
a,2,2024-11-11 00:00:05
a,3,2024-11-11 00:00:02
a,4,2024-11-11 00:00:05
');

SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ts) AS so_far FROM ticks;
--| +I[a, 1, 1]
--| +I[a, 2, 7]
--| +I[a, 4, 7]

SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY pt) AS so_far, LAG(v) OVER (PARTITION BY k ORDER BY pt) AS before FROM ticks;
--| +I[a, 1, 1, null]
--| +I[a, 2, 3, 1]
--| +I[a, 3, 6, 2]
--| +I[a, 4, 10, 3]

--| late rows: 1
