-- Lengths count characters, not bytes: an emoji is one, an accent written apart is one of its own.
SELECT s, CHAR_LENGTH(s) AS chars, OCTET_LENGTH(s) AS bytes FROM (VALUES ('abc'), ('ä'), ('日本'), ('😀'), ('é'), ('')) AS t(s);
--| +I[, 0, 0]
--| +I[abc, 3, 3]
--| +I[ä, 1, 2]
--| +I[é, 1, 2]
--| +I[日本, 2, 6]
--| +I[😀, 1, 4]
