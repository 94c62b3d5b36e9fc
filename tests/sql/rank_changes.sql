-- Rankings of rows that are taken back: the next one comes up.
CREATE TABLE scores (team STRING, who STRING, points INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+red,ann,3
+red,bob,5
+red,cid,4
+red,cid,4
+blue,dan,9
+blue,eve,7
-red,bob,5
-blue,dan,9
+red,fay,4
-red,cid,4
+blue,gus,7
+red,hal,1
+green,ida,1
-green,ida,1
');

SELECT team, who, points, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY team ORDER BY points DESC) AS rn FROM scores) WHERE rn <= 2;
--| +I[blue, eve, 7, 1]
--| +I[blue, gus, 7, 2]
--| +I[red, cid, 4, 1]
--| +I[red, fay, 4, 2]

SELECT team, who, points FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY team ORDER BY points DESC) AS rn FROM scores) WHERE rn = 1;
--| +I[blue, eve, 7]
--| +I[red, cid, 4]

SELECT team, who, r FROM (SELECT *, RANK() OVER (PARTITION BY team ORDER BY points DESC) AS r FROM scores) WHERE r <= 2;
--| +I[blue, eve, 1]
--| +I[blue, gus, 1]
--| +I[red, cid, 1]
--| +I[red, fay, 1]

SELECT team, who, r FROM (SELECT *, DENSE_RANK() OVER (PARTITION BY team ORDER BY points DESC) AS r FROM scores) WHERE r <= 2;
--| +I[blue, eve, 1]
--| +I[blue, gus, 1]
--| +I[red, ann, 2]
--| +I[red, cid, 1]
--| +I[red, fay, 1]

SELECT team, who, points FROM scores ORDER BY points DESC, who LIMIT 2;
--| +I[blue, eve, 7]
--| +I[blue, gus, 7]

SELECT team, who, points FROM scores ORDER BY points DESC, who LIMIT 2 OFFSET 1;
--| +I[blue, gus, 7]
--| +I[red, cid, 4]

SELECT team, total, rn FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY total DESC) AS rn FROM (SELECT team, SUM(points) AS total FROM scores GROUP BY team)) WHERE rn <= 2;
--| +I[blue, 14, 1]
--| +I[red, 12, 2]
