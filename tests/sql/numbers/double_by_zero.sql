-- Doubles divide by zero to infinity, and zero by zero to NaN.
SELECT x / 0e0 AS q, x * 0e0 AS p FROM (VALUES (1e0), (-1e0), (0e0)) AS t(x);
--| +I[-Infinity, -0.0]
--| +I[Infinity, 0.0]
--| +I[NaN, 0.0]
