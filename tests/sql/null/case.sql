-- CASE compares like =, so WHEN NULL never fits; without ELSE the rest is NULL.
SELECT x, CASE x WHEN NULL THEN 'null' WHEN 1 THEN 'one' END AS simple, CASE WHEN x IS NULL THEN 'null' WHEN x = 1 THEN 'one' ELSE 'other' END AS searched FROM (VALUES (1), (2), (NULL)) AS t(x);
--| +I[1, one, one]
--| +I[2, null, other]
--| +I[null, null, null]
