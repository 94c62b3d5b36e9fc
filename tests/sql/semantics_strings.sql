-- Texts: compared by their bytes (Unicode order), case and blanks count; positions count characters, from 1.
SELECT 'a' < 'B' AS a, 'Z' < 'a' AS b, 'a ' = 'a' AS c, 'ä' > 'z' AS d, '' IS NULL AS e;
--| +I[false, true, false, true, false]

SELECT CHAR_LENGTH('äöü€') AS chars, OCTET_LENGTH('äöü€') AS bytes, UPPER('straße') AS up, LOWER('ÄÖ') AS low;
--| +I[4, 9, STRASSE, äö]

SELECT SUBSTRING('sloth', 2, 3) AS a, SUBSTRING('sloth', 0) AS b, POSITION('o' IN 'sloth') AS c, POSITION('x' IN 'sloth') AS d;
--| +I[lot, sloth, 3, 0]

-- CONCAT with NULL is NULL; CONCAT_WS leaves it out.
SELECT CONCAT('a', NULL, 'b') AS a, CONCAT_WS('-', 'a', NULL, 'b') AS b, 'a' || NULL AS c;
--| +I[null, a-b, null]

-- Quotes are doubled inside a text; a backslash is itself.
SELECT 'it''s' AS a, 'a\n' AS b, CHAR_LENGTH('a\n') AS c;
--| +I[it's, a\n, 3]

-- Numbers and texts are not mixed without a cast.
SELECT CAST('  42 ' AS INT) AS a, TRY_CAST('4x' AS INT) AS b, CAST(42 AS STRING) || '!' AS c;
--| +I[42, null, 42!]
