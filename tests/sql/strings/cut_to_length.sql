-- CAST to VARCHAR(n) and CHAR(n) cuts, CHAR(n) fills up.
SELECT CAST('日本語' AS VARCHAR(2)) AS v, CAST('ab' AS CHAR(4)) || '|' AS c, CAST('abcdef' AS CHAR(3)) AS d;
--| +I[日本, ab  |, abc]
