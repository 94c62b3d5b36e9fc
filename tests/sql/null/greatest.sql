-- GREATEST and LEAST are NULL when an argument is.
SELECT GREATEST(a, b) AS g, LEAST(a, b) AS l FROM (VALUES (1, 2), (1, NULL), (NULL, NULL)) AS t(a, b);
--| +I[2, 1]
--| +I[null, null]
--| +I[null, null]
