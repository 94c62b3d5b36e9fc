-- VALUES: the columns of all rows meet in a common type.
SELECT a, b FROM (VALUES (1, 'x'), (2.5, 'yy'), (NULL, NULL)) AS t(a, b);
--| +I[1.0, x]
--| +I[2.5, yy]
--| +I[null, null]
