-- ALLOW LATENESS: a late row corrects its window until the lateness is over. [fixed-epochs]
SET 'sloth.epoch.max-rows' = '1';
CREATE TABLE t (x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:01
2,2024-11-11 00:00:12
4,2024-11-11 00:00:03
8,2024-11-11 00:00:31
16,2024-11-11 00:00:04
');

SELECT window_start, SUM(x) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end EMIT ALLOW LATENESS INTERVAL '10' SECOND;
--| +I[2024-11-11T00:00, 5]
--| +I[2024-11-11T00:00:10, 2]
--| +I[2024-11-11T00:00:30, 8]

--| late rows: 1
