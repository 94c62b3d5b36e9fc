-- Calls that differ in a cast only are different calls.
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

SELECT SUM(n) AS x, SUM(CAST(n AS BIGINT)) AS y, AVG(n) AS p, AVG(CAST(n AS DOUBLE)) AS q FROM l;
--| +I[18, 18, 6, 6.0]

SELECT k, SUM(n) AS x, SUM(CAST(n AS DECIMAL(10, 2))) AS y FROM l GROUP BY k HAVING SUM(CAST(n AS DECIMAL(10, 2))) > 5;
--| +I[2, 13, 13.00]

SELECT a, SUM(n) OVER (PARTITION BY k) AS x, SUM(CAST(n AS BIGINT)) OVER (PARTITION BY k) AS y FROM l;
--| +I[a, 5, 5]
--| +I[b, 13, 13]
--| +I[c, 13, 13]

SELECT PERCENTILE(x, 0.5) AS half, PERCENTILE(x, 0.25) AS quarter, PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY x) AS same FROM (VALUES (1.5), (2.5), (4.0)) AS t(x);
--| +I[2.5, 2.0, 2.0]
