-- OVER by event time counts rows of the same time together with RANGE, one by one with ROWS.
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:01
2,2024-11-11 00:00:02
3,2024-11-11 00:00:02
4,2024-11-11 00:00:03
');

SELECT id, COUNT(*) OVER (ORDER BY ts) AS n FROM t;
--| +I[1, 1]
--| +I[2, 3]
--| +I[3, 3]
--| +I[4, 4]

SELECT COUNT(*) OVER (ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n FROM t;
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[4]
