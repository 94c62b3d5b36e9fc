-- Texts group by their characters: composed and decomposed letters are different.
SELECT s, COUNT(*) AS n, MAX(CHAR_LENGTH(s)) AS len FROM (VALUES ('é'), ('é'), ('É'), ('e')) AS t(s) GROUP BY s;
--| +I[e, 1, 1]
--| +I[É, 1, 1]
--| +I[é, 2, 1]
