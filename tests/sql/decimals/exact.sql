-- Decimals are exact where doubles are not.
SELECT 0.1 + 0.2 = 0.3 AS dec, 0.1e0 + 0.2e0 = 0.3e0 AS dbl, 0.1 * 3 AS p;
--| +I[true, false, 0.3]
