-- Arithmetic with NULL is NULL, also by zero.
SELECT x + 1 AS a, x * 0 AS b, -x AS c, x / 0 AS d, MOD(x, 2) AS e FROM (VALUES (CAST(NULL AS INT))) AS t(x);
--| +I[null, null, null, null, null]
