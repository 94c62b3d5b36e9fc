-- Windows of processing time close by the clock; at the end of the input all do.
CREATE TABLE t (x INT, p AS PROCTIME()) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1
2
');

SELECT SUM(x) AS s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(p), INTERVAL '1' DAY)) GROUP BY window_start, window_end;
--| +I[3]
