-- SIMILAR TO fits the whole text, REGEXP a part of it.
SELECT s SIMILAR TO '(ab)+' AS a, REGEXP(s, 'b') AS b, REGEXP_EXTRACT(s, '(a)(b)', 2) AS c, REGEXP_REPLACE(s, 'b', 'X') AS d FROM (VALUES ('abab'), ('abc'), ('x')) AS t(s);
--| +I[false, false, null, x]
--| +I[false, true, b, aXc]
--| +I[true, true, b, aXaX]
