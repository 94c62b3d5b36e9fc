-- Doubles: -0 is 0 for comparisons, keys and joins; NaN equals itself and is larger than everything else, as in Postgres.
CREATE TABLE t (id INT, d DOUBLE, f FLOAT, n INT, ts TIMESTAMP(3), s TIMESTAMP(3)) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '~', 'scan.changelog' = 'retract', 'data' = '
+1,-0.0,-0.0,1,2024-01-31 10:00:00,2024-01-31 09:00:00
+2,0,0,-2147483648,2024-01-31 10:00:00,2023-01-31 09:00:00
+3,NaN,NaN,3,2024-01-31 10:00:00,2024-02-01 11:00:00
+4,NaN,NaN,3,~,2024-02-01 11:00:00
+5,-0.0,1.5,7,2024-01-31 10:00:00,2024-01-31 10:00:00
-5,-0.0,1.5,7,2024-01-31 10:00:00,2024-01-31 10:00:00
');

SELECT id FROM t WHERE d = 0;
--| +I[1]
--| +I[2]

SELECT id FROM t WHERE f = 0;
--| +I[1]
--| +I[2]

SELECT id FROM t WHERE d < 0 OR d > 0;
--| +I[3]
--| +I[4]

SELECT id FROM t WHERE d IN (0, 7);
--| +I[1]
--| +I[2]

SELECT id FROM t WHERE d BETWEEN 0 AND 1;
--| +I[1]
--| +I[2]

SELECT id FROM t WHERE d NOT IN (0, 1);
--| +I[3]
--| +I[4]

SELECT a.id, b.id FROM t a JOIN t b ON a.d = b.d;
--| +I[1, 1]
--| +I[1, 2]
--| +I[2, 1]
--| +I[2, 2]
--| +I[3, 3]
--| +I[3, 4]
--| +I[4, 3]
--| +I[4, 4]

SELECT a.id, b.id FROM t a JOIN t b ON a.d >= b.d AND a.id <> b.id;
--| +I[1, 2]
--| +I[2, 1]
--| +I[3, 1]
--| +I[3, 2]
--| +I[3, 4]
--| +I[4, 1]
--| +I[4, 2]
--| +I[4, 3]

SELECT d, COUNT(*) AS c FROM t GROUP BY d;
--| +I[0.0, 2]
--| +I[NaN, 2]

SELECT f, d, COUNT(*) AS c FROM t GROUP BY f, d;
--| +I[0.0, 0.0, 2]
--| +I[NaN, NaN, 2]

SELECT DISTINCT d FROM t;
--| +I[0.0]
--| +I[NaN]

SELECT COUNT(DISTINCT d) AS c FROM t;
--| +I[2]

SELECT id, COUNT(*) OVER (PARTITION BY d) AS r FROM t;
--| +I[1, 2]
--| +I[2, 2]
--| +I[3, 2]
--| +I[4, 2]

SELECT d FROM t WHERE id = 1 INTERSECT SELECT d FROM t WHERE id = 2;
--| +I[0.0]

SELECT d FROM t EXCEPT ALL SELECT d FROM t WHERE id IN (2, 3);
--| +I[0.0]
--| +I[NaN]

SELECT id, -n AS m, SQRT(d - 1) AS s, SQRT(n) AS q FROM t;
--| +I[1, -1, NaN, 1.0]
--| +I[2, -2147483648, NaN, NaN]
--| +I[3, -3, NaN, 1.7320508075688772]
--| +I[4, -3, NaN, 1.7320508075688772]

-- Doubles as keys of subqueries.
SELECT id, (SELECT COUNT(*) FROM t i WHERE i.d = t.d) AS c, (SELECT MAX(i.id) FROM t i WHERE i.d = t.d) AS m FROM t;
--| +I[1, 2, 2]
--| +I[2, 2, 2]
--| +I[3, 2, 4]
--| +I[4, 2, 4]

SELECT id FROM t WHERE EXISTS (SELECT 1 FROM t i WHERE i.d = t.d AND i.id <> t.id);
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[4]
