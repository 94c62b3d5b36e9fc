-- Conditions on the first rows of a subquery that reads the row around it: they are the first ones for each row.
CREATE TABLE c (name STRING, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+ann,1
+bob,5
+cid,9
-cid,9
+cid,7
+,2
+dan,
');

CREATE TABLE o (id INT, k STRING, amount INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,ann,30
+2,ann,20
+5,bob,3
+6,bob,4
+7,cid,8
+8,cid,1
-8,cid,1
+2,,5
+9,dan,1
');

-- The first by a column that is not selected: of ann that is order 2.
SELECT name FROM c WHERE x IN (SELECT id FROM o WHERE o.k = c.name ORDER BY amount LIMIT 1);
--| +I[]
--| +I[bob]
--| +I[cid]

SELECT name FROM c WHERE x IN (SELECT id FROM o WHERE o.k = c.name ORDER BY amount DESC LIMIT 1);
--| +I[]
--| +I[ann]
--| +I[cid]

-- NULL is unknown, also in the list.
SELECT name FROM c WHERE x NOT IN (SELECT id FROM o WHERE o.k = c.name ORDER BY amount LIMIT 1);
--| +I[ann]

-- An order alone says nothing.
SELECT name FROM c WHERE x IN (SELECT id FROM o WHERE o.k = c.name ORDER BY amount);
--| +I[]
--| +I[ann]
--| +I[bob]
--| +I[cid]

SELECT name FROM c WHERE x >= ALL (SELECT id FROM o WHERE o.k = c.name ORDER BY amount LIMIT 2);
--| +I[]
--| +I[cid]

SELECT name FROM c WHERE EXISTS (SELECT id FROM o WHERE o.k = c.name ORDER BY amount LIMIT 1);
--| +I[]
--| +I[ann]
--| +I[bob]
--| +I[cid]
--| +I[dan]

SELECT name FROM c WHERE EXISTS (SELECT id FROM o WHERE o.k = c.name ORDER BY amount LIMIT 1 OFFSET 1);
--| +I[ann]
--| +I[bob]

-- Without an order the first are those by content.
SELECT name FROM c WHERE x IN (SELECT id FROM o WHERE o.k = c.name LIMIT 1);
--| +I[]
--| +I[ann]
--| +I[bob]
--| +I[cid]

SELECT name FROM c WHERE x IN (SELECT id FROM o WHERE o.amount > c.x ORDER BY amount LIMIT 2);
--| +I[cid]
