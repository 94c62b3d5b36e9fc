-- NULL is the smallest value of an order, unless NULLS FIRST or LAST says otherwise.
SELECT x FROM (VALUES (1), (NULL), (2)) AS t(x) ORDER BY x LIMIT 1;
--| +I[null]

SELECT x FROM (VALUES (1), (NULL), (2)) AS t(x) ORDER BY x DESC LIMIT 1;
--| +I[2]

SELECT x FROM (VALUES (1), (NULL), (2)) AS t(x) ORDER BY x NULLS LAST LIMIT 2;
--| +I[1]
--| +I[2]

SELECT x FROM (VALUES (1), (NULL), (2)) AS t(x) ORDER BY x DESC NULLS FIRST LIMIT 1;
--| +I[null]
