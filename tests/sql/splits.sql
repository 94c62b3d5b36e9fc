-- A table of three splits: the watermark is the lowest of theirs, so the slow third holds the windows back for all.
CREATE TABLE orders (id INT, shop STRING, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,1,2024-11-11 00:00:01
2,b,2,2024-11-11 00:00:12
3,a,4,2024-11-11 00:00:23
', 'data.2' = '
4,a,8,2024-11-11 00:00:02
5,b,16,2024-11-11 00:00:11
6,b,32,2024-11-11 00:00:21
', 'data.3' = '
7,a,64,2024-11-11 00:00:03
');

SELECT * FROM orders;
--| +I[1, a, 1, 2024-11-11T00:00:01]
--| +I[2, b, 2, 2024-11-11T00:00:12]
--| +I[3, a, 4, 2024-11-11T00:00:23]
--| +I[4, a, 8, 2024-11-11T00:00:02]
--| +I[5, b, 16, 2024-11-11T00:00:11]
--| +I[6, b, 32, 2024-11-11T00:00:21]
--| +I[7, a, 64, 2024-11-11T00:00:03]

SELECT shop, COUNT(*) AS n, SUM(amount) AS total FROM orders GROUP BY shop;
--| +I[a, 4, 77]
--| +I[b, 3, 50]

SELECT DISTINCT shop FROM orders;
--| +I[a]
--| +I[b]

-- At parallelism 1 the splits may be read one after the other, so the wide delay keeps rows from being late.
CREATE TABLE orderly (WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) LIKE orders (EXCLUDING WATERMARKS);
SELECT shop, window_start, SUM(amount) AS total FROM TABLE(TUMBLE(TABLE orderly, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY shop, window_start, window_end;
--| +I[a, 2024-11-11T00:00, 73]
--| +I[a, 2024-11-11T00:00:20, 4]
--| +I[b, 2024-11-11T00:00:10, 18]
--| +I[b, 2024-11-11T00:00:20, 32]

SELECT shop, SESSION_START(ts, INTERVAL '9' SECOND) AS s, COUNT(*) AS n FROM orderly GROUP BY shop, SESSION(ts, INTERVAL '9' SECOND);
--| +I[a, 2024-11-11T00:00:01, 3]
--| +I[a, 2024-11-11T00:00:23, 1]
--| +I[b, 2024-11-11T00:00:11, 3]
