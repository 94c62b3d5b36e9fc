-- COALESCE takes the first value there is, NULLIF makes NULL of equals, IFNULL replaces.
SELECT a, b, COALESCE(a, b, 0) AS c, NULLIF(a, b) AS n, IFNULL(a, -1) AS i FROM (VALUES (1, 1), (1, 2), (NULL, 2), (3, NULL), (NULL, NULL)) AS t(a, b);
--| +I[1, 1, 1, null, 1]
--| +I[1, 2, 1, 1, 1]
--| +I[3, null, 3, 3, 3]
--| +I[null, 2, 2, null, -1]
--| +I[null, null, 0, null, -1]
