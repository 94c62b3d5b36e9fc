-- EXCEPT ALL takes one copy for each on the other side.
SELECT x FROM (VALUES (1), (1), (1), (2)) AS t(x) EXCEPT ALL SELECT y FROM (VALUES (1), (3)) AS u(y);
--| +I[1]
--| +I[1]
--| +I[2]

SELECT x FROM (VALUES (1), (1), (1), (2)) AS t(x) EXCEPT SELECT y FROM (VALUES (1), (3)) AS u(y);
--| +I[2]
