-- Without a window no row is late. [fixed-epochs]
SET 'sloth.epoch.max-rows' = '1';
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:15
2,2024-11-11 00:00:01
');

SELECT COUNT(*) AS n, MIN(ts) AS first_ FROM t;
--| +I[2, 2024-11-11T00:00:01]
