-- Comparisons with ALL and ANY of rows with a NULL: true or false only when no value could change it.
SELECT x FROM (VALUES (1), (5)) AS t(x) WHERE x > ALL (SELECT y FROM (VALUES (2), (NULL)) AS u(y));

SELECT x FROM (VALUES (1), (5)) AS t(x) WHERE x > ANY (SELECT y FROM (VALUES (2), (NULL)) AS u(y));
--| +I[5]

SELECT x FROM (VALUES (1), (5)) AS t(x) WHERE NOT (x > ALL (SELECT y FROM (VALUES (2), (NULL)) AS u(y)));
--| +I[1]

SELECT x FROM (VALUES (1), (5)) AS t(x) WHERE x > ALL (SELECT y FROM (VALUES (2)) AS u(y) WHERE y > 100);
--| +I[1]
--| +I[5]
