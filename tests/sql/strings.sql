-- Functions of text.
SELECT UPPER('aß') AS a, LOWER('ÄB') AS b, CHAR_LENGTH('日本') AS c, 'a' || 'b' || 'c' AS d;
--| +I[ASS, äb, 2, abc]

SELECT SUBSTRING('hello' FROM 2 FOR 3) AS a, SUBSTRING('hello', 2) AS b, SUBSTR('hello', 1, 2) AS c, LEFT('hello', 2) AS d, RIGHT('hello', 2) AS e;
--| +I[ell, ello, he, he, lo]

SELECT TRIM('  x ') AS a, TRIM(LEADING 'x' FROM 'xxy') AS b, LTRIM('  y') AS c, RTRIM('z  ') || '!' AS d, BTRIM('--a--', '-') AS e;
--| +I[x, y, y, z!, a]

SELECT POSITION('l' IN 'hello') AS a, REPLACE('aXbX', 'X', '-') AS b, REVERSE('abc') AS c, REPEAT('ab', 3) AS d, LPAD('7', 3, '0') AS e, RPAD('7', 3, '.') AS f;
--| +I[3, a-b-, cba, ababab, 007, 7..]

SELECT CONCAT('a', 'b', 'c') AS a, CONCAT_WS('-', 'a', 'b') AS b, INITCAP('hello world') AS c, ASCII('A') AS d, CHR(66) AS e;
--| +I[abc, a-b, Hello World, 65, B]

SELECT MD5('a') AS a, SHA256('a') IS NOT NULL AS b;
--| +I[0cc175b9c0f1b6a831c399e269772661, true]

SELECT STARTSWITH('hello', 'he') AS a, ENDSWITH('hello', 'lo') AS b, OVERLAY('abcdef' PLACING 'XX' FROM 2 FOR 3) AS c;
--| +I[true, true, aXXef]
