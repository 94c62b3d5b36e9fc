-- NOT IN a list or subquery with a NULL is never true; NULL itself is not in only nothing.
SELECT x FROM (VALUES (1), (2), (NULL)) AS t(x) WHERE x NOT IN (1, NULL);

SELECT x FROM (VALUES (1), (2), (NULL)) AS t(x) WHERE x NOT IN (SELECT y FROM (VALUES (1), (NULL)) AS u(y));

SELECT x FROM (VALUES (1), (2), (NULL)) AS t(x) WHERE x NOT IN (SELECT y FROM (VALUES (1)) AS u(y));
--| +I[2]

SELECT x FROM (VALUES (1), (2), (NULL)) AS t(x) WHERE x NOT IN (SELECT y FROM (VALUES (1)) AS u(y) WHERE y > 5);
--| +I[1]
--| +I[2]
--| +I[null]
