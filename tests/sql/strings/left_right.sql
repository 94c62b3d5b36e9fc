-- LEFT and RIGHT count characters; a negative count gives nothing.
SELECT LEFT('日本語', 2) AS l, RIGHT('日本語', 2) AS r, LEFT('abc', 10) AS long_, LEFT('abc', -1) AS neg, RIGHT('abc', 0) AS zero;
--| +I[日本, 本語, abc, , ]
