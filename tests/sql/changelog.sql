-- Rows that are taken back: every result is what is left.
CREATE TABLE scores (who STRING, points INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'retract', 'data' = '
+ann,3
+bob,5
+ann,4
-ann,3
+-,1
+ann,-
-bob,5
+eve,7
+eve,7
-eve,7
');

SELECT who, points FROM scores;
--| +I[ann, 4]
--| +I[ann, null]
--| +I[eve, 7]
--| +I[null, 1]

SELECT who, SUM(points) AS total, COUNT(*) AS n, AVG(points) AS mean FROM scores GROUP BY who;
--| +I[ann, 4, 2, 4]
--| +I[eve, 7, 1, 7]
--| +I[null, 1, 1, 1]

SELECT COUNT(*) AS n, SUM(points) AS total FROM scores;
--| +I[4, 12]

SELECT total, COUNT(*) AS n FROM (SELECT who, SUM(points) AS total FROM scores GROUP BY who) GROUP BY total;
--| +I[1, 1]
--| +I[4, 1]
--| +I[7, 1]

SELECT DISTINCT who FROM scores;
--| +I[ann]
--| +I[eve]
--| +I[null]

SELECT a.who, b.points FROM scores a JOIN scores b ON a.who = b.who;
--| +I[ann, 4]
--| +I[ann, 4]
--| +I[ann, null]
--| +I[ann, null]
--| +I[eve, 7]

SELECT who, SUM(points) AS total FROM scores GROUP BY who HAVING SUM(points) > 5;
--| +I[eve, 7]
