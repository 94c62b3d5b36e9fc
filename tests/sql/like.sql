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

-- Any character escapes; without ESCAPE none does.
SELECT 'a_b' LIKE 'a!_b' ESCAPE '!' AS a, 'axb' LIKE 'a!_b' ESCAPE '!' AS b, 'a%' LIKE 'a!%' ESCAPE '!' AS c, 'a!b' LIKE 'a!!b' ESCAPE '!' AS d, 'a\b' LIKE 'a\b' AS e, 'a\xb' LIKE 'a\_b' AS f, '50%' LIKE '50\%' AS g, '50\x' LIKE '50\%' AS h, 'A_B' NOT LIKE 'a#_b' ESCAPE '#' AS i;
--| +I[true, false, true, true, true, true, false, true, true]

SELECT s LIKE p ESCAPE '!' AS a, s LIKE p AS b FROM (VALUES ('a_b', 'a!_b'), ('axb', 'a!_b'), ('a!xb', 'a!_b'), ('x', NULL), (NULL, 'x')) AS t(s, p);
--| +I[false, false]
--| +I[false, true]
--| +I[null, null]
--| +I[null, null]
--| +I[true, false]

SELECT 'ab' LIKE 'a!b' ESCAPE '!' AS a;
--| error: this pattern cannot be read: the escape character '!' must stand before '%', '_' or itself
--|  --> like.sql:1:20
--|   |
--| 1 | SELECT 'ab' LIKE 'a!b' ESCAPE '!' AS a;
--|   |                    ^^

SELECT 'ab' AS x, 'ab' NOT LIKE 'ab!' ESCAPE '!' AS a;
--| error: this pattern cannot be read: the escape character '!' must stand before '%', '_' or itself
--|  --> like.sql:1:36
--|   |
--| 1 | SELECT 'ab' AS x, 'ab' NOT LIKE 'ab!' ESCAPE '!' AS a;
--|   |                                    ^

SELECT 'ab' LIKE 'ab' ESCAPE '!!' AS a;
--| error: '!!' is no escape character
--|  --> like.sql:1:30
--|   |
--| 1 | SELECT 'ab' LIKE 'ab' ESCAPE '!!' AS a;
--|   |                              ^^^^
--|   |
--|   = help: Write one character in quotes, as in ESCAPE '!'.

SELECT 'ab' LIKE 'ab' ESCAPE '' AS a;
--| error: '' is no escape character
--|  --> like.sql:1:30
--|   |
--| 1 | SELECT 'ab' LIKE 'ab' ESCAPE '' AS a;
--|   |                              ^^
--|   |
--|   = help: Write one character in quotes, as in ESCAPE '!'.

-- SIMILAR TO: the whole text matches a regular expression of SQL.
SELECT 'abc' SIMILAR TO 'abc' AS a, 'abc' SIMILAR TO 'a' AS b, 'abc' SIMILAR TO '%(b|d)%' AS c, 'abc' SIMILAR TO '(b|c)%' AS d, 'aaa' SIMILAR TO 'a{2,4}' AS e, 'aaa' SIMILAR TO 'a+' AS f, 'abcabc' SIMILAR TO '(abc)*' AS g, 'abc' SIMILAR TO 'a_c' AS h, 'a
c' SIMILAR TO 'a%c' AS i;
--| +I[true, false, true, false, true, true, true, true, true]

SELECT 'x1' SIMILAR TO '[a-z][[:DIGIT:]]' AS a, 'x1' SIMILAR TO '[^0-9]_' AS b, 'a%c' SIMILAR TO 'a!%c' ESCAPE '!' AS c, 'abc' SIMILAR TO 'a!%c' ESCAPE '!' AS d, 'a|b' SIMILAR TO 'a\|b' ESCAPE '\' AS e, CAST(NULL AS STRING) SIMILAR TO 'a' AS f, 'abc' NOT SIMILAR TO 'a' AS g, '$' SIMILAR TO '$' AS h, 'a\b' SIMILAR TO 'a\b' AS i, 'foobar' SIMILAR TO 'foo(bar|baz)' AS j;
--| +I[true, true, true, false, true, null, true, true, true, true]

SELECT s, s SIMILAR TO p AS a FROM (VALUES ('abc', 'a%'), ('abc', 'b%'), ('a', NULL)) AS t(s, p);
--| +I[a, null]
--| +I[abc, false]
--| +I[abc, true]

SELECT 'x' SIMILAR TO '[[:NOPE:]]' AS a;
--| error: this pattern cannot be read: '[:NOPE:]' is no class of characters
--|  --> like.sql:1:25
--|   |
--| 1 | SELECT 'x' SIMILAR TO '[[:NOPE:]]' AS a;
--|   |                         ^^^^^^^^

SELECT 'x' SIMILAR TO 'x]' AS a;
--| error: this pattern cannot be read: ']' closes nothing
--|  --> like.sql:1:25
--|   |
--| 1 | SELECT 'x' SIMILAR TO 'x]' AS a;
--|   |                         ^

SELECT 'x' SIMILAR TO '(x' AS a;
--| error: this pattern cannot be read: unclosed group
--|  --> like.sql:1:24
--|   |
--| 1 | SELECT 'x' SIMILAR TO '(x' AS a;
--|   |                        ^^

SELECT 'x' SIMILAR TO 'a!b' ESCAPE '!' AS a;
--| error: this pattern cannot be read: the escape character '!' must stand before a special character or itself
--|  --> like.sql:1:25
--|   |
--| 1 | SELECT 'x' SIMILAR TO 'a!b' ESCAPE '!' AS a;
--|   |                         ^^

CREATE TABLE t (s STRING, bad AS s LIKE 'x!y' ESCAPE '!') WITH ('connector' = 'print');
--| error: this pattern cannot be read: the escape character '!' must stand before '%', '_' or itself
--|  --> like.sql:1:43
--|   |
--| 1 | CREATE TABLE t (s STRING, bad AS s LIKE 'x!y' ESCAPE '!') WITH ('connector' = 'print');
--|   |                                           ^^

SELECT REGEXP_LIKE('order-17', '[0-9]+') AS a, REGEXP_REPLACE('a1b22', '[0-9]+', '#') AS b;
--| +I[true, a#b#]
