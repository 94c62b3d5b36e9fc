-- Forms that other engines know, too.
CREATE TABLE t (id INT, k STRING, n INT, ok BOOLEAN, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = 'null', 'data' = '
1,a,3,true,2024-01-31 10:00:00
2,b,1,true,2024-01-31 10:00:01
3,a,1,false,2024-01-31 10:00:02
4,b,2,null,2024-01-31 10:00:03
5,c,null,null,2024-01-31 10:00:04
');
CREATE TABLE c (id INT, k STRING, n INT, ok BOOLEAN) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = 'null', 'scan.changelog' = 'retract', 'data' = '
+1,a,3,true
+2,a,1,false
+3,b,1,true
-2,a,1,false
+4,a,2,true
');

-- The bounds of BETWEEN SYMMETRIC come in either order.
SELECT id FROM t WHERE n BETWEEN SYMMETRIC 2 AND 1;
--| +I[2]
--| +I[3]
--| +I[4]

SELECT id FROM t WHERE n NOT BETWEEN SYMMETRIC 2 AND 1;
--| +I[1]

SELECT id FROM t WHERE n BETWEEN 2 AND 1;

SELECT id FROM t WHERE n BETWEEN ASYMMETRIC 1 AND 2;
--| +I[2]
--| +I[3]
--| +I[4]

SELECT id FROM t WHERE n BETWEEN SYMMETRIC CASE WHEN k = 'a' AND id > 1 THEN 3 ELSE 2 END AND (1) AND id < 4;
--| +I[2]
--| +I[3]

-- An interval so many times.
SELECT id, ts + INTERVAL '1' DAY * n AS later, ts - n * INTERVAL '30' MINUTE AS earlier FROM t;
--| +I[1, 2024-02-03T10:00, 2024-01-31T08:30]
--| +I[2, 2024-02-01T10:00:01, 2024-01-31T09:30:01]
--| +I[3, 2024-02-01T10:00:02, 2024-01-31T09:30:02]
--| +I[4, 2024-02-02T10:00:03, 2024-01-31T09:00:03]
--| +I[5, null, null]

SELECT ts + INTERVAL '1' MONTH * 1 AS month, ts + 2 * INTERVAL '1-1' YEAR TO MONTH AS years, ts + INTERVAL '1' DAY * -2 AS back FROM t WHERE id = 1;
--| +I[2024-02-29T10:00, 2026-03-31T10:00, 2024-01-29T10:00]

-- EVERY is BOOL_AND: NULL does not count, and of nothing it is NULL.
SELECT k, EVERY(ok) AS e, BOOL_AND(ok) AS b FROM t GROUP BY k;
--| +I[a, false, false]
--| +I[b, true, true]
--| +I[c, null, null]

SELECT k, EVERY(ok) AS e FROM c GROUP BY k;
--| +I[a, true]
--| +I[b, true]

-- LISTAGG in an order by several columns.
SELECT LISTAGG(k, '-') WITHIN GROUP (ORDER BY n DESC, id DESC) AS l FROM t WHERE n IS NOT NULL;
--| +I[a-b-a-b]

SELECT LISTAGG(k) WITHIN GROUP (ORDER BY k, id) AS l FROM c;
--| +I[a,a,b]

SELECT STRING_AGG(k, '-' ORDER BY n, id) AS l FROM t WHERE n IS NOT NULL;
--| +I[b-a-b-a]

-- GROUP BY () has one group, also of no rows.
SELECT COUNT(*) AS n, SUM(n) AS s FROM t GROUP BY ();
--| +I[5, 7]

SELECT COUNT(*) AS n FROM t WHERE id > 100 GROUP BY ();
--| +I[0]

SELECT k, COUNT(*) AS n FROM t GROUP BY k, ();
--| +I[a, 2]
--| +I[b, 2]
--| +I[c, 1]
