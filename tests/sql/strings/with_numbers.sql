-- || and CONCAT take numbers and booleans as text.
SELECT 'a' || 1 AS a, CONCAT('a', 1, TRUE) AS b, 'x' || DATE '2024-01-01' AS c;
--| +I[a1, a1TRUE, x2024-01-01]
