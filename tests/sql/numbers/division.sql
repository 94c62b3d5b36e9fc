-- Whole numbers divide towards zero; the rest has the sign of the dividend.
SELECT a, b, a / b AS q, MOD(a, b) AS r, a % b AS p FROM (VALUES (7, 2), (-7, 2), (7, -2), (-7, -2), (0, 5)) AS t(a, b);
--| +I[-7, -2, 3, -1, -1]
--| +I[-7, 2, -3, -1, -1]
--| +I[0, 5, 0, 0, 0]
--| +I[7, -2, -3, 1, 1]
--| +I[7, 2, 3, 1, 1]
