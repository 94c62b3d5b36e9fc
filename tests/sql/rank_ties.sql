-- FETCH … WITH TIES keeps the rows that are equal to the last one in the order.
CREATE TABLE t (id INT, k STRING, v INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,a,5
+2,a,9
+3,b,5
+4,b,1
+5,c,
+6,c,9
-6,c,9
+7,c,5
+8,a,7
');

SELECT id, v FROM t ORDER BY v DESC FETCH FIRST 3 ROWS WITH TIES;
--| +I[1, 5]
--| +I[2, 9]
--| +I[3, 5]
--| +I[7, 5]
--| +I[8, 7]

SELECT id, v FROM t ORDER BY v DESC FETCH FIRST 3 ROWS ONLY;
--| +I[1, 5]
--| +I[2, 9]
--| +I[8, 7]

SELECT id, v FROM t ORDER BY v FETCH FIRST ROW WITH TIES;
--| +I[5, null]

SELECT id FROM t ORDER BY v DESC, k FETCH NEXT 3 ROWS WITH TIES;
--| +I[1]
--| +I[2]
--| +I[8]

SELECT k, COUNT(*) AS n FROM t GROUP BY k ORDER BY n DESC FETCH FIRST 1 ROW WITH TIES;
--| +I[a, 3]

SELECT SUM(v) AS total FROM (SELECT v FROM t ORDER BY v DESC FETCH FIRST 3 ROWS WITH TIES) AS d;
--| +I[31]

SELECT id FROM t FETCH FIRST 3 ROWS WITH TIES;
--| error: WITH TIES without ORDER BY
--|  --> rank_ties.sql:1:1
--|   |
--| 1 | SELECT id FROM t FETCH FIRST 3 ROWS WITH TIES;
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Add ORDER BY: it says which rows are ties.

SELECT id FROM t ORDER BY v OFFSET 1 ROWS FETCH NEXT 3 ROWS WITH TIES;
--| +I[1]
--| +I[3]
--| +I[4]
--| +I[7]
