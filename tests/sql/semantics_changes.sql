-- What a result that changes is made of: +I a new row, -U and +U an update, -D a row that goes [fixed-epochs]
SET 'sloth.epoch.max-rows' = '1';
SET 'sloth.epoch.max-in-flight' = '1';
CREATE TABLE votes (who STRING, n INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+ann,1
+bob,1
-ann,1
+bob,0
');

-- A filter over an aggregate: bob's sum does not change with the last row, so nothing is said.
SELECT who, SUM(n) AS s FROM votes GROUP BY who;
--| +I[bob, 1]

SELECT COUNT(*) AS rows_now, COUNT(DISTINCT who) AS people FROM votes;
--| +I[2, 1]
