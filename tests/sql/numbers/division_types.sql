-- A division of a whole number and a decimal or double is one of decimals or doubles.
SELECT 7 / 2 AS whole, 7 / 2.0 AS dec, 7 / 2e0 AS dbl, CAST(1 AS DECIMAL(4, 2)) / 3 AS third;
--| +I[3, 3.500000, 3.5, 0.3333333333333]
