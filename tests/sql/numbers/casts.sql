-- Casts of doubles and decimals to whole numbers cut towards zero.
SELECT CAST(1.9e0 AS INT) AS a, CAST(-1.9e0 AS INT) AS b, CAST(1.9 AS INT) AS c, CAST(-1.9 AS INT) AS d, CAST('42' AS BIGINT) AS e, CAST(TRUE AS INT) AS f;
--| +I[1, -1, 1, -1, 42, 1]
