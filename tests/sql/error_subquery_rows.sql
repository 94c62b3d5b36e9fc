-- A subquery used as a value may give one row for a row around it; two are an error, as soon as a row asks for them.
CREATE TABLE t (id INT, g STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a
2,b
');

CREATE TABLE s (g STRING, y INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,1
b,2
b,3
');

SELECT id, (SELECT y FROM s WHERE s.g = t.g) AS one FROM t;

--| the job fails: Execution error: a subquery that is used as a value has given more than one row for a row around it
--|   detail: while computing $one($value@3)
