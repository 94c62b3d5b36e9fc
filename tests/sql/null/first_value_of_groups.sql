-- FIRST_VALUE and LAST_VALUE of a group take NULL for a value, unless they are to ignore it.
SELECT FIRST_VALUE(x ORDER BY id) AS f, LAST_VALUE(x ORDER BY id) AS l, FIRST_VALUE(x ORDER BY id) IGNORE NULLS AS fi, LAST_VALUE(x ORDER BY id) IGNORE NULLS AS li FROM (VALUES (1, NULL), (2, 5), (3, 7), (4, NULL)) AS t(id, x);
--| +I[null, null, 5, 7]
