-- Processing time: the clock of the epoch. It stands still here, so all rows are in one window.
CREATE TABLE clicks (page STRING, seen AS PROCTIME()) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
p
q
p
');

SELECT page, seen FROM clicks WHERE page = 'q';
--| +I[q, 2024-11-11T00:00:00Z]

SELECT page, TUMBLE_START(seen, INTERVAL '1' MINUTE) AS s, COUNT(*) AS n FROM clicks GROUP BY page, TUMBLE(seen, INTERVAL '1' MINUTE);
--| +I[p, 2024-11-11T00:00, 2]
--| +I[q, 2024-11-11T00:00, 1]

SELECT window_start, window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(seen), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;
--| +I[2024-11-11T00:00, 2024-11-11T00:01, 3]

SELECT page, PROCTIME() AS p FROM clicks WHERE page = 'q';
--| +I[q, 2024-11-11T00:00:00Z]
