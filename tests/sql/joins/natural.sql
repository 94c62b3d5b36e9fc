-- NATURAL joins on all columns of the same name, also of subqueries without a name, and of several tables.
CREATE TABLE a (id INT, k INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,10
2,20
');
CREATE TABLE b (k INT, w INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
10,100
20,200
');

SELECT * FROM a NATURAL JOIN (SELECT k, w FROM b);
--| +I[1, 10, 100]
--| +I[2, 20, 200]

SELECT * FROM a NATURAL JOIN b NATURAL JOIN (SELECT w FROM b WHERE w > 100);
--| +I[2, 20, 200]

SELECT * FROM (SELECT id FROM a) NATURAL JOIN (SELECT w FROM b);
--| +I[1, 100]
--| +I[1, 200]
--| +I[2, 100]
--| +I[2, 200]
