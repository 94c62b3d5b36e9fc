-- A subquery used as a value may have one row.
CREATE TABLE t (id INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '1
2');

CREATE TABLE s (y INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '1
2
3');

SELECT id, (SELECT y FROM s) AS many FROM t;

--| the job fails: a subquery that is used as a value has 3 rows
--|   hint: A value is one row: aggregate the subquery (MAX, COUNT, …), or write IN or EXISTS.
