-- ROUND of doubles goes by their decimal digits.
SELECT ROUND(2.5e0) AS a, ROUND(-2.5e0) AS b, ROUND(1.45e0, 1) AS c, ROUND(1.005, 2) AS d;
--| +I[3.0, -3.0, 1.5, 1.01]
