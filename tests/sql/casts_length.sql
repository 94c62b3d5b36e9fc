-- CAST to VARCHAR(n) cuts, to CHAR(n) fills up with blanks too.
SELECT CAST('abcdef' AS VARCHAR(3)) AS a, CAST('ab' AS CHAR(4)) || '|' AS b, CAST('abcdef' AS CHAR(4)) AS c, CAST(12345 AS VARCHAR(3)) AS d, CAST(TRUE AS VARCHAR(2)) AS e, CAST(DATE '2024-11-11' AS VARCHAR(4)) AS f, CAST('ab' AS VARCHAR(4)) || '|' AS g, CAST(1.5 AS CHAR(6)) || '|' AS h, TRY_CAST('abc' AS VARCHAR(2)) AS i;
--| +I[abc, ab  |, abcd, 123, TR, 2024, ab|, 1.5   |, ab]

SELECT CAST('日本語' AS VARCHAR(2)) AS a, CAST('日' AS CHAR(2)) || '|' AS b, CAST(CAST(NULL AS STRING) AS CHAR(2)) AS c, CAST('abc' AS VARCHAR) AS d, CAST('abc' AS STRING) AS e, CAST('xyz' AS CHAR) AS f, CAST('abc' AS CHARACTER VARYING(2)) AS g;
--| +I[日本, 日 |, null, abc, abc, x, ab]

SELECT HEX(CAST(ENCODE('abc', 'UTF-8') AS BINARY(2))) AS a, HEX(CAST(ENCODE('a', 'UTF-8') AS BINARY(3))) AS b, HEX(CAST(ENCODE('abc', 'UTF-8') AS VARBINARY(2))) AS c;
--| +I[6162, 610000, 6162]

-- In computed columns, filters and over columns.
CREATE TABLE t (id INT, s STRING, short AS CAST(s AS VARCHAR(2))) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,abc
2,a
3,
');
SELECT id, short, CAST(s AS CHAR(2)) || '|' AS padded FROM t WHERE CAST(s AS VARCHAR(1)) = 'a' OR s IS NULL;
--| +I[1, ab, ab|]
--| +I[2, a, a |]

CREATE TABLE sink (id INT, s VARCHAR(2)) WITH ('connector' = 'print');
INSERT INTO sink SELECT id, CAST(s AS VARCHAR(2)) FROM t;
--| sink:
--| +I[1, ab]
--| +I[2, a]
--| +I[3, ]
