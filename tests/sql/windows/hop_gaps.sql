-- With a slide longer than the size rows in between are in no window, and are not late.
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:01
2,2024-11-11 00:00:07
3,2024-11-11 00:00:11
');

SELECT HOP_START(ts, INTERVAL '10' SECOND, INTERVAL '5' SECOND) AS s, COUNT(*) AS n FROM t GROUP BY HOP(ts, INTERVAL '10' SECOND, INTERVAL '5' SECOND);
--| +I[2024-11-11T00:00, 1]
--| +I[2024-11-11T00:00:10, 1]
