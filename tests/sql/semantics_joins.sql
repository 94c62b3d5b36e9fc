-- Joins: duplicates multiply, conditions in ON and in WHERE differ for outer joins.
CREATE TABLE a (k INT, x STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,a1
+1,a2
+2,a3
+3,a4
-3,a4
');

CREATE TABLE b (k INT, y STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,b1
1,b2
3,b3
');

-- Two rows on each side make four pairs; what was taken back has none.
SELECT x, y FROM a JOIN b ON a.k = b.k;
--| +I[a1, b1]
--| +I[a1, b2]
--| +I[a2, b1]
--| +I[a2, b2]

-- A condition of ON decides who is a partner, one of WHERE which rows stay.
SELECT x, y FROM a LEFT JOIN b ON a.k = b.k AND y = 'b2';
--| +I[a1, b2]
--| +I[a2, b2]
--| +I[a3, null]

SELECT x, y FROM a LEFT JOIN b ON a.k = b.k WHERE y = 'b2';
--| +I[a1, b2]
--| +I[a2, b2]

-- USING gives the key once.
SELECT k, x, y FROM a LEFT JOIN b USING (k);
--| +I[1, a1, b1]
--| +I[1, a1, b2]
--| +I[1, a2, b1]
--| +I[1, a2, b2]
--| +I[2, a3, null]

-- IN does not multiply.
SELECT x FROM a WHERE k IN (SELECT k FROM b);
--| +I[a1]
--| +I[a2]

-- Ranges of keys.
SELECT x, y FROM a JOIN b ON a.k < b.k;
--| +I[a1, b3]
--| +I[a2, b3]
--| +I[a3, b3]

-- A scalar subquery without a row is NULL.
SELECT x, (SELECT MAX(y) FROM b WHERE b.k = a.k) AS best FROM a;
--| +I[a1, b2]
--| +I[a2, b2]
--| +I[a3, null]
