-- BETWEEN is two comparisons: false when one is, whatever the other bound.
SELECT x, x BETWEEN 1 AND NULL AS a, x BETWEEN NULL AND 3 AS b, x NOT BETWEEN 1 AND NULL AS c FROM (VALUES (0), (2), (5), (NULL)) AS t(x);
--| +I[0, false, null, true]
--| +I[2, null, null, null]
--| +I[5, null, false, null]
--| +I[null, null, null, null]
