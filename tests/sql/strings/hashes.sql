-- Hashes and codings of texts.
SELECT MD5('a') AS m, HEX('aß') AS h, TO_BASE64('abc') AS b, FROM_BASE64('YWJj') AS f, ASCII('A') AS c, CHR(65) AS d;
--| +I[0cc175b9c0f1b6a831c399e269772661, 61C39F, YWJj, abc, 65, A]
