-- Places outside of a text.
SELECT OVERLAY('abc' PLACING 'X' FROM 0) AS a, SUBSTRING('abc', 0) AS b, LPAD('abc', 0, 'x') || '|' AS c, LPAD('abc', -1, 'x') AS d, REPEAT('a', -1) || '|' AS e;
--| +I[abc, abc, |, null, |]
