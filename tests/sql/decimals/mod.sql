-- The rest of a division of decimals has the sign of the dividend.
SELECT MOD(5.5, 2) AS a, MOD(-5.5, 2) AS b, MOD(5.5, -2) AS c;
--| +I[1.5, -1.5, 1.5]
