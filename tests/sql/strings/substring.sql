-- SUBSTRING counts characters from 1; a negative start counts from the end, what lies outside is empty.
SELECT SUBSTRING('héllo' FROM 2 FOR 3) AS a, SUBSTRING('héllo', 4) AS b, SUBSTRING('héllo', -2) AS c, SUBSTRING('héllo', 9) AS d, SUBSTRING('héllo', 2, 0) AS e, SUBSTRING('日本語', 2, 1) AS f;
--| +I[éll, lo, lo, , , 本]
