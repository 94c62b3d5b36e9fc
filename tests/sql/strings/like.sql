-- LIKE: % is any text, _ one character; ESCAPE makes them plain.
SELECT s, s LIKE 'a%' AS a, s LIKE '_b%' AS b, s LIKE '%!%%' ESCAPE '!' AS c, s LIKE 'A%' AS d FROM (VALUES ('abc'), ('äb'), ('10%'), ('')) AS t(s);
--| +I[, false, false, false, false]
--| +I[10%, false, false, true, false]
--| +I[abc, true, true, false, false]
--| +I[äb, false, true, false, false]
