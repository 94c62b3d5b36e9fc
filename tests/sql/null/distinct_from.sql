-- IS [NOT] DISTINCT FROM compares with NULL as a value, and binds as a comparison does.
CREATE TABLE t (id INT, a INT, b INT, p BOOLEAN, q BOOLEAN) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,1,1,true,true
2,1,-,true,false
3,-,-,false,false
4,-,2,-,true
');

SELECT id, a IS DISTINCT FROM b AND q AS x, a IS NOT DISTINCT FROM b OR q AS y, NOT p IS DISTINCT FROM q AND q AS z FROM t;
--| +I[1, false, true, true]
--| +I[2, false, false, false]
--| +I[3, false, true, false]
--| +I[4, true, true, false]

SELECT id FROM t WHERE p IS NOT DISTINCT FROM q AND id < 3;
--| +I[1]

SELECT id, a IS DISTINCT FROM b + 1 AS x, a + 1 IS NOT DISTINCT FROM b AS y FROM t WHERE a IS DISTINCT FROM 1 OR id = 1;
--| +I[1, true, false]
--| +I[3, false, true]
--| +I[4, true, false]

SELECT t.id, u.id AS other FROM t LEFT JOIN t AS u ON t.a IS NOT DISTINCT FROM u.b AND u.id > 1;
--| +I[1, null]
--| +I[2, null]
--| +I[3, 2]
--| +I[3, 3]
--| +I[4, 2]
--| +I[4, 3]
