-- LIMIT keeps the first rows of the order as they change; without ORDER BY rows are taken by their content.
CREATE TABLE t (id INT, name STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
4,d
1,a
3,-
2,b
5,e
3,c
');

SELECT id, name FROM t ORDER BY id LIMIT 2;
--| +I[1, a]
--| +I[2, b]

SELECT name FROM t ORDER BY id DESC LIMIT 2 OFFSET 1;
--| +I[d]
--| +I[null]

SELECT name, id * 2 AS twice FROM t ORDER BY twice DESC, name LIMIT 1;
--| +I[e, 10]

SELECT id, name FROM t ORDER BY name LIMIT 1;
--| +I[3, null]

SELECT id, name FROM t LIMIT 3;
--| +I[1, a]
--| +I[2, b]
--| +I[3, null]

SELECT id FROM t LIMIT 0;

SELECT id FROM t ORDER BY id OFFSET 4;
--| +I[4]
--| +I[5]

SELECT COUNT(*) AS n, SUM(id) AS s FROM (SELECT id FROM t ORDER BY id DESC LIMIT 3) AS top;
--| +I[3, 12]
