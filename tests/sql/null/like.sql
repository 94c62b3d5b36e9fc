-- LIKE of NULL, or with a NULL pattern, is NULL.
SELECT s, s LIKE 'a%' AS a, s LIKE CAST(NULL AS STRING) AS b, s NOT LIKE 'a%' AS c FROM (VALUES ('abc'), ('xyz'), (NULL)) AS t(s);
--| +I[abc, true, null, false]
--| +I[null, null, null, null]
--| +I[xyz, false, null, true]
