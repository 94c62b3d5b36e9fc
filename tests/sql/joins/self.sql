-- A table joined with itself: duplicates make pairs with each other.
CREATE TABLE t (k STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+a
+a
+b
');

SELECT l.k, COUNT(*) AS pairs FROM t l JOIN t r ON l.k = r.k GROUP BY l.k;
--| +I[a, 4]
--| +I[b, 1]
