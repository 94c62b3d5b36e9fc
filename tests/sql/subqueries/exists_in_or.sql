-- EXISTS beside other conditions.
SELECT x FROM (VALUES (1), (2), (3)) AS t(x) WHERE x = 3 OR EXISTS (SELECT 1 FROM (VALUES (1)) AS u(y) WHERE y = x);
--| +I[1]
--| +I[3]
