-- A table keyed by something that does not tell the rows of the query apart.
CREATE TABLE scores (who STRING, points INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = 'ann,3');
CREATE TABLE keyed_by_total (who STRING, total INT, PRIMARY KEY (total) NOT ENFORCED) WITH ('connector' = 'print');
INSERT INTO keyed_by_total SELECT who, SUM(points) FROM scores GROUP BY who;

--| the job fails: table 'keyed_by_total' is keyed by (total), but the query keeps one row per (who)
--|   hint: Group by columns of the table's PRIMARY KEY, or change the key.
