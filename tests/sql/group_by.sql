-- GROUP BY without a window: a row for each key, replaced when it changes.
CREATE TABLE scores (who STRING, points INT, weight DOUBLE) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
ann,3,0.5
bob,5,0.25
ann,4,0.125
-,1,-
ann,-,1.5
');

SELECT who, SUM(points) AS total, COUNT(*) AS n, COUNT(DISTINCT points) AS kinds, MIN(points) AS low, MAX(points) AS high, AVG(points) AS mean FROM scores GROUP BY who;
--| +I[ann, 7, 3, 2, 3, 4, 3]
--| +I[bob, 5, 1, 1, 5, 5, 5]
--| +I[null, 1, 1, 1, 1, 1, 1]

SELECT COUNT(*) AS n, SUM(weight) AS w FROM scores;
--| +I[5, 2.375]

SELECT points % 2 AS odd, COUNT(*) AS n FROM scores GROUP BY points % 2;
--| +I[0, 1]
--| +I[1, 3]
--| +I[null, 1]

SELECT who, points, COUNT(*) AS n FROM scores GROUP BY who, points;
--| +I[ann, 3, 1]
--| +I[ann, 4, 1]
--| +I[ann, null, 1]
--| +I[bob, 5, 1]
--| +I[null, 1, 1]

-- Columns may change places, expressions over the aggregates are welcome.
SELECT SUM(points) * 10 AS ten, who FROM scores GROUP BY who;
--| +I[10, null]
--| +I[50, bob]
--| +I[70, ann]

SELECT DISTINCT who FROM scores;
--| +I[ann]
--| +I[bob]
--| +I[null]

SELECT who, SUM(points) FILTER (WHERE points > 3) AS big FROM scores GROUP BY who;
--| +I[ann, 4]
--| +I[bob, 5]
--| +I[null, null]

-- The key need not be selected.
SELECT SUM(points) AS total FROM scores GROUP BY who;
--| +I[1]
--| +I[5]
--| +I[7]

-- What changes can be filtered and united.
SELECT who, SUM(points) AS total FROM scores GROUP BY who HAVING SUM(points) > 3;
--| +I[ann, 7]
--| +I[bob, 5]

SELECT who, COUNT(*) FROM scores GROUP BY who UNION ALL SELECT 'x', 1;
--| +I[ann, 3]
--| +I[bob, 1]
--| +I[null, 1]
--| +I[x, 1]

-- A table with a primary key takes it when the keys agree.
CREATE TABLE totals (who STRING, total INT, PRIMARY KEY (who) NOT ENFORCED) WITH ('connector' = 'print');
INSERT INTO totals SELECT who, SUM(points) FROM scores GROUP BY who;
--| totals:
--| +I[ann, 7]
--| +I[bob, 5]
--| +I[null, 1]

INSERT INTO totals SELECT who, points FROM (SELECT who, points, COUNT(*) AS n FROM scores GROUP BY who, points);
--| totals:
--| +I[ann, 3]
--| +I[ann, 4]
--| +I[ann, null]
--| +I[bob, 5]
--| +I[null, 1]

-- A constant is one value, however many rows there are.
SELECT who, COUNT(DISTINCT 'x') AS n, COUNT('x') AS c FROM scores GROUP BY who;
--| +I[ann, 1, 3]
--| +I[bob, 1, 1]
--| +I[null, 1, 1]
