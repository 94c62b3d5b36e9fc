-- An empty text is no NULL.
SELECT s, s IS NULL AS n, CHAR_LENGTH(s) AS len, COALESCE(s, 'none') AS c FROM (VALUES (''), (' '), (NULL)) AS t(s);
--| +I[ , false, 1,  ]
--| +I[, false, 0, ]
--| +I[null, true, null, none]
