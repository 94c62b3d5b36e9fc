-- UNION keeps each row once, UNION ALL all of them; types meet in a common one.
SELECT x FROM (VALUES (1), (1), (2)) AS t(x) UNION SELECT y FROM (VALUES (2), (3)) AS u(y);
--| +I[1]
--| +I[2]
--| +I[3]

SELECT x FROM (VALUES (1), (1)) AS t(x) UNION ALL SELECT y FROM (VALUES (1)) AS u(y);
--| +I[1]
--| +I[1]
--| +I[1]

SELECT x FROM (VALUES (1)) AS t(x) UNION ALL SELECT y FROM (VALUES (1.5)) AS u(y);
--| +I[1.0]
--| +I[1.5]
