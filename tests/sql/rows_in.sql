-- Rows among the rows of a subquery: (a, b) IN (SELECT x, y …). Unknown is neither in nor not in.
CREATE TABLE t (id INT, a INT, b INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = 'null', 'data' = '
1,1,1
2,1,2
3,2,null
4,null,1
5,3,3
6,null,null
');
CREATE TABLE u (x INT, y INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = 'null', 'scan.changelog' = 'retract', 'data' = '
+1,1
+1,1
+1,2
+2,5
-1,2
');
CREATE TABLE holes (x INT, y INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = 'null', 'data' = '
1,null
2,7
');

-- A row that is there twice is found once; what was taken back is not found.
SELECT id FROM t WHERE (a, b) IN (SELECT x, y FROM u);
--| +I[1]

-- 3 may be (2, 5), 4 may be (1, 1), 6 may be any.
SELECT id FROM t WHERE (a, b) NOT IN (SELECT x, y FROM u);
--| +I[2]
--| +I[5]

SELECT id FROM t WHERE NOT ((a, b) IN (SELECT x, y FROM u));
--| +I[2]
--| +I[5]

-- NULL in the subquery: 1 and 2 may be (1, null); 3 may be (2, 7).
SELECT id FROM t WHERE (a, b) NOT IN (SELECT x, y FROM holes);
--| +I[5]

SELECT id FROM t WHERE (a, b) IN (SELECT x, y FROM holes);

-- Of no rows: nothing is in, all is not in.
SELECT id FROM t WHERE (a, b) IN (SELECT x, y FROM holes WHERE x > 100);

SELECT id FROM t WHERE (a, b) NOT IN (SELECT x, y FROM holes WHERE x > 100);
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[4]
--| +I[5]
--| +I[6]

-- Beside other conditions, over expressions.
SELECT id FROM t WHERE id > 1 AND (a, b + 1) IN (SELECT x, y + 1 FROM u) OR id = 5;
--| +I[5]

SELECT id FROM t WHERE (a, b) IN (SELECT x FROM u);
--| error: source table contains 1 columns but only 2 names given as column alias
--|  --> rows_in.sql:1:1
--|   |
--| 1 | SELECT id FROM t WHERE (a, b) IN (SELECT x FROM u);
--|   | ^^^^^^

-- Lists of rows.
SELECT id FROM t WHERE (a, b) IN ((1, 2), (3, 3));
--| +I[2]
--| +I[5]
