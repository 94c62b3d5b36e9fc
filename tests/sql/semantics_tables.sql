-- One small table that changes, asked in many ways.
CREATE TABLE t (id INT, k STRING, n INT, d DOUBLE, x DECIMAL(10, 2), b BOOLEAN, dt DATE, ts TIMESTAMP(3)) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '~', 'scan.changelog' = 'retract', 'data' = '
+1,a,10,1.5,1.10,true,2024-01-31,2024-01-31 10:00:00
+2,a,20,-2.5,2.20,false,2024-02-29,2024-02-29 23:59:59
+3,b,~,~,~,~,~,~
+4,~,5,0.25,-1.00,true,2023-12-31,2023-12-31 00:00:00
+5,b,10,3.0,1.10,~,2024-01-31,2024-01-31 10:00:00
+6,c,7,7.0,7.00,true,2024-01-01,2024-01-01 00:00:00
-6,c,7,7.0,7.00,true,2024-01-01,2024-01-01 00:00:00
');

SELECT k, COUNT(*) AS c, COUNT(n) AS cn, SUM(n) AS s, AVG(n) AS a, MIN(d) AS mi, MAX(x) AS ma, AVG(x) AS ax, AVG(d) AS ad FROM t GROUP BY k;
--| +I[a, 2, 2, 30, 15, -2.5, 2.20, 1.650000, -0.5]
--| +I[b, 2, 1, 10, 10, 3.0, 1.10, 1.100000, 3.0]
--| +I[null, 1, 1, 5, 5, 0.25, -1.00, -1.000000, 0.25]

SELECT COUNT(*) AS c FROM t HAVING COUNT(*) > 10;

SELECT COUNT(*) AS c FROM t WHERE FALSE;
--| +I[0]

SELECT SUM(n) AS s FROM t WHERE FALSE HAVING SUM(n) IS NULL;
--| +I[null]

SELECT COUNT(DISTINCT k, n) AS c, COUNT(DISTINCT n) AS d FROM t;
--| +I[3, 3]

SELECT STDDEV_POP(n) AS a, STDDEV_SAMP(n) AS b, VAR_POP(n) AS c, VAR_SAMP(n) AS d FROM t WHERE k = 'a';
--| +I[5.0, 7.0710678118654755, 25.0, 50.0]

SELECT k, STDDEV_SAMP(n) AS b, VAR_SAMP(n) AS d, STDDEV_POP(n) AS e FROM t GROUP BY k;
--| +I[a, 7.0710678118654755, 50.0, 5.0]
--| +I[b, null, null, 0.0]
--| +I[null, null, null, 0.0]

SELECT id FROM t WHERE n IN (10, NULL);
--| +I[1]
--| +I[5]

SELECT id FROM t WHERE n NOT IN (10);
--| +I[2]
--| +I[4]

SELECT id FROM t WHERE n = '10';
--| +I[1]
--| +I[5]

SELECT id FROM t WHERE dt = '2024-01-31';
--| +I[1]
--| +I[5]

SELECT id FROM t WHERE ts > '2024-01-15' AND ts < DATE '2024-02-15';
--| +I[1]
--| +I[5]

SELECT id FROM t WHERE ts BETWEEN TIMESTAMP '2024-01-31 00:00:00' AND TIMESTAMP '2024-01-31 10:00:00';
--| +I[1]
--| +I[5]

SELECT id FROM t WHERE b;
--| +I[1]
--| +I[4]

SELECT id FROM t WHERE NOT b OR b IS NULL;
--| +I[2]
--| +I[3]
--| +I[5]

SELECT id FROM t WHERE d = CAST(0.25 AS DECIMAL(4, 2));
--| +I[4]

SELECT id FROM t WHERE x = 1.1;
--| +I[1]
--| +I[5]

SELECT id FROM t WHERE x = 1.1e0;
--| +I[1]
--| +I[5]

SELECT id, n / 3 AS q, x / 3 AS xq, d / 0 AS dz, n / NULLIF(n - 10, 0) AS z FROM t;
--| +I[1, 3, 0.3666666666667, Infinity, null]
--| +I[2, 6, 0.7333333333333, -Infinity, 2]
--| +I[3, null, null, null, null]
--| +I[4, 1, -0.3333333333333, Infinity, -1]
--| +I[5, 3, 0.3666666666667, Infinity, null]

SELECT a.id, b.id FROM t a JOIN t b ON a.ts - b.ts < INTERVAL '1' DAY AND a.ts - b.ts >= INTERVAL '0' DAY AND a.id <> b.id;
--| +I[1, 5]
--| +I[5, 1]

SELECT id, ts + INTERVAL '1' MONTH AS m, dt + INTERVAL '1' MONTH AS dm, ts - INTERVAL '1 02:03:04' DAY TO SECOND AS z FROM t WHERE id < 3;
--| +I[1, 2024-02-29T10:00, 2024-02-29, 2024-01-30T07:56:56]
--| +I[2, 2024-03-29T23:59:59, 2024-03-29, 2024-02-28T21:56:55]

SELECT dt - 1 AS y FROM t WHERE id = 1;
--| +I[2024-01-30]

SELECT k || n AS kn FROM t WHERE id = 1;
--| +I[a10]

SELECT CONCAT(k, n, b) AS kn FROM t WHERE id = 1;
--| +I[a10TRUE]

SELECT DISTINCT n, x FROM t ORDER BY n LIMIT 3;
--| +I[10, 1.10]
--| +I[5, -1.00]
--| +I[null, null]

SELECT k, n FROM t ORDER BY k NULLS LAST, n DESC LIMIT 3 OFFSET 1;
--| +I[a, 10]
--| +I[b, 10]
--| +I[b, null]

SELECT id, RANK() OVER (ORDER BY n) AS r, DENSE_RANK() OVER (ORDER BY n) AS dr, ROW_NUMBER() OVER (ORDER BY n, id) AS rn, PERCENT_RANK() OVER (ORDER BY n) AS pr, CUME_DIST() OVER (ORDER BY n) AS cd, NTILE(2) OVER (ORDER BY id) AS nt FROM t;
--| +I[1, 3, 3, 3, 0.5, 0.8, 1]
--| +I[2, 5, 4, 5, 1.0, 1.0, 1]
--| +I[3, 1, 1, 1, 0.0, 0.2, 1]
--| +I[4, 2, 2, 2, 0.25, 0.4, 2]
--| +I[5, 3, 3, 4, 0.5, 0.8, 2]

SELECT id, LAG(n) OVER (PARTITION BY k ORDER BY id) AS l, LEAD(n, 1, -1) OVER (ORDER BY id) AS ld, FIRST_VALUE(n) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS f, LAST_VALUE(n) OVER (ORDER BY id) AS la, NTH_VALUE(n, 2) OVER (ORDER BY id) AS nv FROM t;
--| +I[1, null, 20, 10, 10, null]
--| +I[2, 10, null, 10, 20, 20]
--| +I[3, null, 5, 20, null, 20]
--| +I[4, null, 10, null, 5, 20]
--| +I[5, null, -1, 5, 10, 20]

SELECT id, SUM(n) OVER (ORDER BY n RANGE BETWEEN 5 PRECEDING AND CURRENT ROW) AS s, COUNT(*) OVER (ORDER BY n RANGE BETWEEN CURRENT ROW AND 10 FOLLOWING) AS c FROM t;
--| +I[1, 25, 3]
--| +I[2, 20, 1]
--| +I[3, null, 1]
--| +I[4, 5, 3]
--| +I[5, 25, 3]

SELECT id, SUM(n) OVER w AS s, AVG(d) OVER w AS a FROM t WINDOW w AS (PARTITION BY k ORDER BY id);
--| +I[1, 10, 1.5]
--| +I[2, 30, -0.5]
--| +I[3, null, null]
--| +I[4, 5, 0.25]
--| +I[5, 10, 3.0]

SELECT id, SUM(n) OVER (ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS s, COUNT(n) OVER (ORDER BY id ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING) AS c FROM t;
--| +I[1, 35, 1]
--| +I[2, 15, 2]
--| +I[3, 15, 1]
--| +I[4, 10, 0]
--| +I[5, null, 0]

SELECT id, COUNT(*) OVER (ORDER BY dt RANGE BETWEEN INTERVAL '1' MONTH PRECEDING AND CURRENT ROW) AS c FROM t;
--| +I[1, 3]
--| +I[2, 3]
--| +I[3, 1]
--| +I[4, 1]
--| +I[5, 3]

SELECT k, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY n DESC NULLS LAST, id) AS rn FROM t) WHERE rn = 1;
--| +I[a, 2]
--| +I[b, 5]
--| +I[null, 4]

SELECT k, id, rn FROM (SELECT *, RANK() OVER (PARTITION BY k ORDER BY n) AS rn FROM t) WHERE rn BETWEEN 2 AND 3;
--| +I[a, 2, 2]
--| +I[b, 5, 2]

SELECT k, id, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY n, id) AS rn FROM t) WHERE rn = 2;
--| +I[a, 2, 2]
--| +I[b, 5, 2]

SELECT k, n FROM t EXCEPT SELECT k, n FROM t WHERE id = 1;
--| +I[a, 20]
--| +I[b, 10]
--| +I[b, null]
--| +I[null, 5]

SELECT n FROM t INTERSECT ALL SELECT n FROM t WHERE id IN (1, 3, 5);
--| +I[10]
--| +I[10]
--| +I[null]

SELECT n FROM t UNION SELECT d FROM t;
--| +I[-2.5]
--| +I[0.25]
--| +I[1.5]
--| +I[10.0]
--| +I[20.0]
--| +I[3.0]
--| +I[5.0]
--| +I[null]

SELECT n FROM t UNION ALL SELECT x FROM t;
--| +I[-1.00]
--| +I[1.10]
--| +I[1.10]
--| +I[10.00]
--| +I[10.00]
--| +I[2.20]
--| +I[20.00]
--| +I[5.00]
--| +I[null]
--| +I[null]

SELECT n FROM t UNION ALL SELECT k FROM t;
--| +I[10]
--| +I[10]
--| +I[20]
--| +I[5]
--| +I[a]
--| +I[a]
--| +I[b]
--| +I[b]
--| +I[null]
--| +I[null]

SELECT k, CASE WHEN SUM(n) > 15 THEN 'big' WHEN SUM(n) IS NULL THEN 'none' ELSE 'small' END AS c FROM t GROUP BY k;
--| +I[a, big]
--| +I[b, small]
--| +I[null, small]

SELECT CASE WHEN n > 8 THEN 1 ELSE 0 END AS g, COUNT(*) AS c FROM t GROUP BY CASE WHEN n > 8 THEN 1 ELSE 0 END;
--| +I[0, 2]
--| +I[1, 3]

SELECT EXTRACT(MONTH FROM dt) AS m, COUNT(*) AS c FROM t GROUP BY EXTRACT(MONTH FROM dt) HAVING COUNT(*) > 1;
--| +I[1, 2]

SELECT k, n FROM t GROUP BY k, n HAVING n > 5;
--| +I[a, 10]
--| +I[a, 20]
--| +I[b, 10]

SELECT t.* FROM t JOIN (SELECT k, MAX(n) AS mn FROM t GROUP BY k) m ON t.k = m.k AND t.n = m.mn;
--| +I[2, a, 20, -2.5, 2.20, false, 2024-02-29, 2024-02-29T23:59:59]
--| +I[5, b, 10, 3.0, 1.10, null, 2024-01-31, 2024-01-31T10:00]

SELECT k, ARRAY_AGG(n ORDER BY id) AS a, ARRAY_AGG(DISTINCT n ORDER BY n) AS ad, FIRST_VALUE(n ORDER BY id DESC) AS f FROM t GROUP BY k;
--| +I[a, [10, 20], [10, 20], 20]
--| +I[b, [null, 10], [null, 10], 10]
--| +I[null, [5], [5], 5]

SELECT GROUPING(k, n) AS g, k, n, COUNT(*) AS c FROM t GROUP BY GROUPING SETS ((k, n), (k), ());
--| +I[0, a, 10, 1]
--| +I[0, a, 20, 1]
--| +I[0, b, 10, 1]
--| +I[0, b, null, 1]
--| +I[0, null, 5, 1]
--| +I[1, a, null, 2]
--| +I[1, b, null, 2]
--| +I[1, null, null, 1]
--| +I[3, null, null, 5]

SELECT k, SUM(n) FILTER (WHERE b) AS s, COUNT(*) FILTER (WHERE NOT b) AS c, COUNT(*) FILTER (WHERE b IS NULL) AS u FROM t GROUP BY k;
--| +I[a, 10, 1, 0]
--| +I[b, null, 0, 2]
--| +I[null, 5, 0, 0]

SELECT k, MEDIAN(n) AS m, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY d) AS p FROM t GROUP BY k;
--| +I[a, 15.0, -0.5]
--| +I[b, 10.0, 3.0]
--| +I[null, 5.0, 0.25]

SELECT JSON_OBJECTAGG(KEY CAST(id AS STRING) VALUE n) AS j, JSON_ARRAYAGG(n) AS a FROM t WHERE k = 'a';
--| +I[{"1":10,"2":20}, [10,20]]

SELECT id, (SELECT MAX(n) FROM t i WHERE i.k = t.k AND i.id < t.id) AS prev FROM t;
--| +I[1, null]
--| +I[2, 10]
--| +I[3, null]
--| +I[4, null]
--| +I[5, null]

SELECT k FROM t GROUP BY k HAVING EXISTS (SELECT 1 FROM t i WHERE i.k = t.k AND i.n > 15);
--| +I[a]

SELECT a.id FROM t a WHERE (a.k, a.n) = ('a', 10);
--| +I[1]

SELECT a.id FROM t a LEFT JOIN t b ON a.n = b.n AND a.id <> b.id WHERE b.id IS NULL;
--| +I[2]
--| +I[3]
--| +I[4]

SELECT COUNT(*) AS c FROM t a, t b, t c WHERE a.k = b.k AND b.n = c.n;
--| +I[10]

SELECT id FROM t WHERE k LIKE '%' AND k SIMILAR TO '[ab]';
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[5]

SELECT SUM(DISTINCT n) AS s, AVG(DISTINCT n) AS a, COUNT(DISTINCT b) AS c, MAX(DISTINCT n) AS m FROM t;
--| +I[35, 11, 2, 20]

SELECT MIN(b) AS mb, MAX(k) AS mk, MIN(dt) AS md, MAX(ts) AS mt FROM t;
--| +I[false, b, 2023-12-31, 2024-02-29T23:59:59]
