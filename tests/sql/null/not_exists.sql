-- NOT EXISTS asks for rows, so that NULL does no harm.
SELECT x FROM (VALUES (1), (2), (NULL)) AS t(x) WHERE NOT EXISTS (SELECT 1 FROM (VALUES (1), (NULL)) AS u(y) WHERE u.y = t.x);
--| +I[2]
--| +I[null]
