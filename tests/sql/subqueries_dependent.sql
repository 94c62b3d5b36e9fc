-- Subqueries that read the row around them: values without an aggregate, inequalities, ORDER BY and LIMIT for each row.
CREATE TABLE l (k INT, a STRING, n INT) WITH ('connector'='inline','format'='csv','data'='
1,a,5
2,b,6
2,c,7
');
CREATE TABLE r (k INT, b STRING) WITH ('connector'='inline','format'='csv','data'='
2,x
3,y
');
CREATE TABLE s (k INT, b STRING, m INT) WITH ('connector'='inline','format'='csv','scan.changelog'='retract','csv.null-literal'='~','data'='
+2,x,1
+5,z,2
-5,z,2
+3,y,4
+4,w,5
+4,v,~
+~,u,9
');

SELECT a, (SELECT b FROM r WHERE r.k = l.k) AS c FROM l;
--| +I[a, null]
--| +I[b, x]
--| +I[c, x]

SELECT a, (SELECT b FROM s WHERE s.k = l.k) AS c FROM l;
--| +I[a, null]
--| +I[b, x]
--| +I[c, x]

SELECT a, (SELECT SUM(m) FROM s WHERE s.k < l.k + 5) AS c FROM l;
--| +I[a, 10]
--| +I[b, 10]
--| +I[c, 10]

SELECT a, (SELECT COUNT(*) FROM s WHERE s.k < l.k) AS c FROM l;
--| +I[a, 0]
--| +I[b, 0]
--| +I[c, 0]

SELECT a, (SELECT COUNT(*) + SUM(m) FROM s WHERE s.k > l.k) AS c FROM l WHERE (SELECT COUNT(*) FROM s WHERE s.k > l.k) > 1;
--| +I[a, 14]
--| +I[b, 12]
--| +I[c, 12]

SELECT k, b, (SELECT COUNT(*) FROM l WHERE l.k > s.k) AS c, (SELECT MAX(a) FROM l WHERE l.k IS NOT DISTINCT FROM s.k) AS d FROM s;
--| +I[2, x, 0, c]
--| +I[3, y, 0, null]
--| +I[4, v, 0, null]
--| +I[4, w, 0, null]
--| +I[null, u, 0, null]

SELECT l.a, t.b FROM l, LATERAL (SELECT b FROM r WHERE r.k >= l.k ORDER BY b LIMIT 1) t;
--| +I[a, x]
--| +I[b, x]
--| +I[c, x]

SELECT l.a, t.b, t.m FROM (SELECT DISTINCT k, a FROM l) l LEFT JOIN LATERAL (SELECT b, m FROM s WHERE s.k >= l.k ORDER BY m DESC NULLS LAST LIMIT 2) t ON TRUE;
--| +I[a, w, 5]
--| +I[a, y, 4]
--| +I[b, w, 5]
--| +I[b, y, 4]
--| +I[c, w, 5]
--| +I[c, y, 4]

SELECT a, (SELECT b FROM s WHERE s.k >= l.k ORDER BY m NULLS LAST LIMIT 1) AS c, (SELECT b FROM s WHERE s.k >= l.k ORDER BY m NULLS LAST LIMIT 1 OFFSET 1) AS d FROM l;
--| +I[a, x, y]
--| +I[b, x, y]
--| +I[c, x, y]

SELECT a, (SELECT b FROM (SELECT b, m FROM s WHERE s.k > l.k UNION ALL SELECT b, 100 FROM r WHERE r.k = l.k) u ORDER BY m DESC NULLS LAST LIMIT 1) AS c FROM l;
--| +I[a, w]
--| +I[b, x]
--| +I[c, x]

SELECT a, (SELECT MAX(c) FROM (SELECT COUNT(*) AS c FROM s WHERE s.k >= l.k GROUP BY s.k) g) AS c FROM l;
--| +I[a, 2]
--| +I[b, 2]
--| +I[c, 2]

SELECT a, (SELECT COUNT(DISTINCT s.b) FROM s LEFT JOIN r ON s.k = r.k AND r.k = l.k WHERE r.k IS NULL) AS c FROM l;
--| +I[a, 5]
--| +I[b, 4]
--| +I[c, 4]

SELECT a, (SELECT n + 1) AS c FROM l;
--| +I[a, 6]
--| +I[b, 7]
--| +I[c, 8]

SELECT k FROM l ORDER BY k OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY;
--| +I[2]

SELECT a FROM l WHERE n > (SELECT AVG(n) FROM l AS i WHERE i.k <= l.k);
--| +I[c]

SELECT a FROM l WHERE EXISTS (SELECT 1 FROM s WHERE s.m < l.n AND s.k > l.k);
--| +I[a]
--| +I[b]
--| +I[c]

SELECT a, CASE WHEN n > 5 THEN (SELECT MIN(b) FROM s WHERE s.k > l.k) ELSE 'none' END AS c FROM l;
--| +I[a, none]
--| +I[b, v]
--| +I[c, v]

SELECT l.a, x.c FROM l CROSS JOIN LATERAL (SELECT COUNT(*) AS c FROM s WHERE s.k > l.k) AS x;
--| +I[a, 4]
--| +I[b, 3]
--| +I[c, 3]

SELECT l.a, x.c FROM l LEFT JOIN LATERAL (SELECT s.k, COUNT(*) AS c FROM s WHERE s.k > l.k GROUP BY s.k HAVING COUNT(*) > 1) AS x ON x.c = 2;
--| +I[a, 2]
--| +I[b, 2]
--| +I[c, 2]

SELECT t1.c3 FROM (SELECT t2.k AS c0, SUM(2) AS c2, COUNT(DISTINCT t2.k) AS c3 FROM r AS t2 GROUP BY t2.k) AS t1 WHERE t1.c3 IN (SELECT t3.k FROM s AS t3 WHERE t3.k = t1.c2);
