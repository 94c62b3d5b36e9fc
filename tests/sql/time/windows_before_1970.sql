-- Windows begin at multiples of their size also before 1970.
CREATE TABLE t (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,1969-12-31 23:59:51
2,1969-12-31 23:59:59
3,1970-01-01 00:00:00
');

SELECT window_start, window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;
--| +I[1969-12-31T23:59:50, 1970-01-01T00:00, 2]
--| +I[1970-01-01T00:00, 1970-01-01T00:00:10, 1]
