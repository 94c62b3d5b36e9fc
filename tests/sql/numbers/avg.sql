-- The average of whole numbers is a whole number, cut towards zero; of doubles exact.
SELECT AVG(x) AS whole, AVG(CAST(x AS DOUBLE)) AS dbl, AVG(CAST(x AS DECIMAL(5, 1))) AS dec FROM (VALUES (1), (2), (2)) AS t(x);
--| +I[1, 1.6666666666666667, 1.666667]

SELECT AVG(x) AS a FROM (VALUES (-1), (-2)) AS t(x);
--| +I[-1]
