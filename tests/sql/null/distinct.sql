-- DISTINCT has NULL once; COUNT(DISTINCT) does not count it.
SELECT DISTINCT x FROM (VALUES (1), (NULL), (NULL), (1)) AS t(x);
--| +I[1]
--| +I[null]

SELECT COUNT(DISTINCT x) AS n FROM (VALUES (1), (NULL), (NULL), (2)) AS t(x);
--| +I[2]
