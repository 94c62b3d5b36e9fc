-- GROUP BY without a window: a row for each key, replaced when it changes.
CREATE TABLE scores (who STRING, points INT, weight DOUBLE) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
ann,3,0.5
bob,5,0.25
ann,4,0.125
-,1,-
ann,-,1.5
');

SELECT who, SUM(points) AS total, COUNT(*) AS n, COUNT(DISTINCT points) AS kinds, MIN(points) AS low, MAX(points) AS high, AVG(points) AS mean FROM scores GROUP BY who;
--| +U[ann, 7, 3, 2, 3, 4, 3]
--| +U[bob, 5, 1, 1, 5, 5, 5]
--| +U[null, 1, 1, 1, 1, 1, 1]

SELECT COUNT(*) AS n, SUM(weight) AS w FROM scores;
--| +U[5, 2.375]

SELECT points % 2 AS odd, COUNT(*) AS n FROM scores GROUP BY points % 2;
--| +U[0, 1]
--| +U[1, 3]
--| +U[null, 1]

SELECT who, points, COUNT(*) AS n FROM scores GROUP BY who, points;
--| +U[ann, 3, 1]
--| +U[ann, 4, 1]
--| +U[ann, null, 1]
--| +U[bob, 5, 1]
--| +U[null, 1, 1]

-- Columns may change places, expressions over the aggregates are welcome.
SELECT SUM(points) * 10 AS ten, who FROM scores GROUP BY who;
--| +U[10, null]
--| +U[50, bob]
--| +U[70, ann]

SELECT DISTINCT who FROM scores;
--| +I[ann]
--| +I[bob]
--| +I[null]

SELECT who, SUM(points) FILTER (WHERE points > 3) AS big FROM scores GROUP BY who;
--| +U[ann, 4]
--| +U[bob, 5]
--| +U[null, null]

-- The key must be selected.
SELECT SUM(points) AS total FROM scores GROUP BY who;
--| error: the result changes by key, but the key (who) is not selected
--|  --> group_by.sql:2:1
--|   |
--| 2 | SELECT SUM(points) AS total FROM scores GROUP BY who;
--|   | ^^^^^^
--|   |
--|   = help: Select all columns of the GROUP BY, so that the rows of the result can be told apart.

-- What changes cannot be filtered, aggregated again or united yet.
SELECT who, SUM(points) AS total FROM scores GROUP BY who HAVING SUM(points) > 3;
--| error: a condition on a result that changes needs retraction
--|  --> group_by.sql:2:59
--|   |
--| 2 | SELECT who, SUM(points) AS total FROM scores GROUP BY who HAVING SUM(points) > 3;
--|   |                                                           ^^^^^^
--|   |
--|   = help: Filter before the aggregation (WHERE), or aggregate in a window: its result does not change.

SELECT MAX(total) FROM (SELECT who, SUM(points) AS total FROM scores GROUP BY who);
--| error: the result changes by key, but the key (who) is not selected
--|  --> group_by.sql:1:1
--|   |
--| 1 | SELECT MAX(total) FROM (SELECT who, SUM(points) AS total FROM scores GROUP BY who);
--|   | ^^^^^^
--|   |
--|   = help: Select all columns of the GROUP BY, so that the rows of the result can be told apart.

SELECT who, COUNT(*) FROM scores GROUP BY who UNION ALL SELECT 'x', 1;
--| error: UNION ALL of a result that changes needs retraction
--|  --> group_by.sql:1:47
--|   |
--| 1 | SELECT who, COUNT(*) FROM scores GROUP BY who UNION ALL SELECT 'x', 1;
--|   |                                               ^^^^^
--|   |
--|   = help: Aggregate in windows on both sides, or write the parts into tables of their own.

-- A table with a primary key takes it when the keys agree.
CREATE TABLE totals (who STRING, total INT, PRIMARY KEY (who) NOT ENFORCED) WITH ('connector' = 'print');
INSERT INTO totals SELECT who, SUM(points) FROM scores GROUP BY who;
--| totals:
--| +U[ann, 7]
--| +U[bob, 5]
--| +U[null, 1]

INSERT INTO totals SELECT who, points FROM (SELECT who, points, COUNT(*) AS n FROM scores GROUP BY who, points);
--| totals:
--| +I[ann, 3]
--| +I[ann, 4]
--| +I[ann, null]
--| +I[bob, 5]
--| +I[null, 1]

CREATE TABLE keyed_by_total (who STRING, total INT, PRIMARY KEY (total) NOT ENFORCED) WITH ('connector' = 'print');
INSERT INTO keyed_by_total SELECT who, SUM(points) FROM scores GROUP BY who;
--| error: table 'keyed_by_total' is keyed by (total), but the query keeps one row per (who)
--|  --> group_by.sql:2:1
--|   |
--| 2 | INSERT INTO keyed_by_total SELECT who, SUM(points) FROM scores GROUP BY who;
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Group by exactly the columns of the table's PRIMARY KEY, or change the key.
