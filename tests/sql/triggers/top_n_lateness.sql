-- A ranking within windows takes late rows as well, and corrects what it has told. [fixed-epochs]
SET 'sloth.epoch.max-rows' = '1';
CREATE TABLE t (x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:01
2,2024-11-11 00:00:12
4,2024-11-11 00:00:03
8,2024-11-11 00:00:31
16,2024-11-11 00:00:04
');

SELECT window_start, x FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY x DESC) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND))) WHERE n = 1 EMIT ALLOW LATENESS INTERVAL '10' SECOND;
--| +I[2024-11-11T00:00, 4]
--| +I[2024-11-11T00:00:10, 2]
--| +I[2024-11-11T00:00:30, 8]

--| late rows: 1
