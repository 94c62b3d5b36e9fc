-- Common table expressions may use those before them, and be used several times.
WITH a AS (SELECT x FROM (VALUES (1), (2)) AS t(x)), b AS (SELECT x * 10 AS x FROM a) SELECT a.x, b.x AS y FROM a JOIN b ON b.x = a.x * 10;
--| +I[1, 10]
--| +I[2, 20]

WITH a AS (SELECT 1 AS x) SELECT x FROM a UNION ALL SELECT x + 1 FROM a;
--| +I[1]
--| +I[2]
