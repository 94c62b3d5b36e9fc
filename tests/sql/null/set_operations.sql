-- UNION, INTERSECT and EXCEPT take NULL for equal to NULL, also within rows.
SELECT a, b FROM (VALUES (1, NULL), (1, NULL)) AS t(a, b) UNION SELECT a, b FROM (VALUES (1, NULL), (2, 'x')) AS u(a, b);
--| +I[1, null]
--| +I[2, x]

SELECT a FROM (VALUES (1), (NULL), (NULL)) AS t(a) INTERSECT ALL SELECT a FROM (VALUES (NULL), (NULL), (NULL)) AS u(a);
--| +I[null]
--| +I[null]

SELECT a FROM (VALUES (1), (NULL), (NULL)) AS t(a) EXCEPT ALL SELECT a FROM (VALUES (NULL)) AS u(a);
--| +I[1]
--| +I[null]
