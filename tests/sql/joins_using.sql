-- USING: a bare column is that of the side that has a row; l.k and r.k stay those of their sides.
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

SELECT k, a, b FROM l FULL JOIN r USING (k);
--| +I[1, a, null]
--| +I[2, b, x]
--| +I[2, c, x]
--| +I[3, null, y]

SELECT k, a, b FROM l RIGHT JOIN r USING (k);
--| +I[2, b, x]
--| +I[2, c, x]
--| +I[3, null, y]

SELECT * FROM l FULL JOIN r USING (k);
--| +I[1, a, 5, null]
--| +I[2, b, 6, x]
--| +I[2, c, 7, x]
--| +I[3, null, null, y]

SELECT * FROM l FULL JOIN r USING (k) FULL JOIN s USING (k);
--| +I[1, a, 5, null, null, null]
--| +I[2, b, 6, x, x, 1]
--| +I[2, c, 7, x, x, 1]
--| +I[3, null, null, y, y, 4]
--| +I[4, null, null, null, v, null]
--| +I[4, null, null, null, w, 5]
--| +I[null, null, null, null, u, 9]

SELECT k, COUNT(*) AS c FROM l FULL JOIN r USING (k) WHERE k > 0 GROUP BY k HAVING k < 3;
--| +I[1, 1]
--| +I[2, 2]

SELECT a, k FROM l FULL JOIN r USING (k) ORDER BY k DESC LIMIT 1;
--| +I[null, 3]

SELECT a, b FROM l FULL JOIN r USING (k) ORDER BY k DESC LIMIT 1;
--| +I[null, y]

SELECT k, l.k AS lk, r.k AS rk FROM l FULL JOIN r USING (k);
--| +I[1, 1, null]
--| +I[2, 2, 2]
--| +I[2, 2, 2]
--| +I[3, null, 3]

SELECT l.*, b FROM l FULL JOIN r USING (k);
--| +I[1, a, 5, null]
--| +I[2, b, 6, x]
--| +I[2, c, 7, x]
--| +I[null, null, null, y]

SELECT * FROM l NATURAL FULL JOIN r;
--| error: NATURAL RIGHT or FULL JOIN
--|  --> joins_using.sql:1:1
--|   |
--| 1 | SELECT * FROM l NATURAL FULL JOIN r;
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Write the columns: … JOIN t USING (k).
