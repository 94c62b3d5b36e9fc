-- APPROX_TOP_K and APPROX_HEAVY_HITTERS: the most frequent values with count and error. Exact (errors 0) while a group has
-- no more different values than the sketch has counters (at least 256).
CREATE TABLE words (k STRING, w STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
x,tea
x,tea
y,salt
x,rice
x,tea
x,salt
x,rice
y,-
x,-
y,rice
');

-- Equal counts come in the order of the values; NULL is left out.
SELECT k, APPROX_TOP_K(w, 2) AS top FROM words GROUP BY k;
--| +I[x, [+I[tea, 3, 0], +I[rice, 2, 0]]]
--| +I[y, [+I[rice, 1, 0], +I[salt, 1, 0]]]

-- In a window its result does not change, and its parts can be used as rows.
CREATE TABLE clicks (page STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
home,2024-11-11 00:00:01
shop,2024-11-11 00:00:02
home,2024-11-11 00:00:03
shop,2024-11-11 00:01:03
');

SELECT window_end, u.page, u.n FROM (
  SELECT window_end, APPROX_TOP_K(page, 2) AS top FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end
) CROSS JOIN UNNEST(top) AS u (page, n, error);
--| +I[2024-11-11T00:01, home, 2]
--| +I[2024-11-11T00:01, shop, 1]
--| +I[2024-11-11T00:02, shop, 1]

-- 3, 3 and 2 of 8 values: a share of 0.3 needs 2.4 of them.
SELECT APPROX_HEAVY_HITTERS(w, 0.3) AS hitters FROM words;
--| +I[[+I[rice, 3, 0], +I[tea, 3, 0]]]

SELECT APPROX_TOP_K(LENGTH(w), 1) AS t FROM words WHERE k = 'none';
--| +I[[]]

-- A sketch cannot forget.
SELECT APPROX_TOP_K(n, 3) FROM (SELECT COUNT(*) AS n FROM words GROUP BY k);
--| error: APPROX_TOP_K over rows that change: a sketch cannot take back what it has seen
--|  --> approx_top_k.sql:2:8
--|   |
--| 2 | SELECT APPROX_TOP_K(n, 3) FROM (SELECT COUNT(*) AS n FROM words GROUP BY k);
--|   |        ^^^^^^^^^^^^
--|   |
--|   = help: Write GROUP BY x with COUNT(*) AS n, and ROW_NUMBER() OVER (ORDER BY n DESC) <= k, which is exact.

SELECT APPROX_TOP_K(w, 0) FROM words;
--| error: the second argument of 'APPROX_TOP_K' is out of its range
--|  --> approx_top_k.sql:1:8
--|   |
--| 1 | SELECT APPROX_TOP_K(w, 0) FROM words;
--|   |        ^^^^^^^^^^^^
--|   |
--|   = help: Write APPROX_TOP_K(value, k) with a number k from 1 to 10000.
