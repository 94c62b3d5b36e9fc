-- A recursion that counts.
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n;
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[4]
--| +I[5]

WITH RECURSIVE f (i, a, b) AS (SELECT 1, 0, 1 UNION ALL SELECT i + 1, b, a + b FROM f WHERE i < 8) SELECT i, a FROM f;
--| +I[1, 0]
--| +I[2, 1]
--| +I[3, 1]
--| +I[4, 2]
--| +I[5, 3]
--| +I[6, 5]
--| +I[7, 8]
--| +I[8, 13]
