-- NULL keys make one group, alone and beside others.
SELECT a, b, COUNT(*) AS n FROM (VALUES (1, 'x'), (NULL, 'x'), (NULL, 'x'), (NULL, NULL), (1, NULL)) AS t(a, b) GROUP BY a, b;
--| +I[1, null, 1]
--| +I[1, x, 1]
--| +I[null, null, 1]
--| +I[null, x, 2]
