-- LIKE, its escapes, and regular expressions.
SELECT s, s LIKE 'a%' AS a, s LIKE '%c' AS c, s LIKE '_b_' AS b, s NOT LIKE '%b%' AS n
FROM (VALUES ('abc'), ('ac'), ('ABC'), (''), (NULL)) AS t(s);
--| +I[, false, false, false, true]
--| +I[ABC, false, false, false, true]
--| +I[abc, true, true, true, false]
--| +I[ac, true, true, false, true]
--| +I[null, null, null, null, null]

SELECT '50%' LIKE '50\%' ESCAPE '\' AS a, '501' LIKE '50\%' ESCAPE '\' AS b;
--| +I[true, false]

-- Another escape character is refused.
SELECT 'a_b' LIKE 'a!_b' ESCAPE '!' AS c;
--| error: LIKE does not support escape_char other than the backslash (\)
--|  --> like.sql:1:1
--|   |
--| 1 | -- Another escape character is refused.
--|   | ^

-- Another escape character is refused.
SELECT 'a_b' LIKE 'a!_b' ESCAPE '!' AS c;
--| error: LIKE does not support escape_char other than the backslash (\)
--|  --> like.sql:1:1
--|   |
--| 1 | -- Another escape character is refused.
--|   | ^

SELECT 'foobar' SIMILAR TO 'foo(bar|baz)' AS a;
--| error: SIMILAR TO is not offered
--|  --> like.sql:1:1
--|   |
--| 1 | SELECT 'foobar' SIMILAR TO 'foo(bar|baz)' AS a;
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Use LIKE, or REGEXP_LIKE(text, '^(pattern)$').

SELECT REGEXP_LIKE('order-17', '[0-9]+') AS a, REGEXP_REPLACE('a1b22', '[0-9]+', '#') AS b;
--| +I[true, a#b#]
