-- LIMIT behind a set operation counts rows of the whole, inside of brackets rows of a part.
(SELECT x FROM (VALUES (5), (1), (9)) AS t(x) ORDER BY x DESC LIMIT 1) UNION ALL (SELECT x FROM (VALUES (5), (1), (9)) AS t(x) ORDER BY x LIMIT 1);
--| +I[1]
--| +I[9]

SELECT x FROM (SELECT x FROM (VALUES (5), (1)) AS t(x) UNION ALL SELECT y FROM (VALUES (7)) AS u(y)) ORDER BY x DESC LIMIT 2;
--| +I[5]
--| +I[7]
