-- A RANGE frame goes by the distance of values.
SELECT x, COUNT(*) OVER (ORDER BY x RANGE BETWEEN 2 PRECEDING AND CURRENT ROW) AS n FROM (VALUES (1), (2), (4), (7)) AS t(x);
--| +I[1, 1]
--| +I[2, 2]
--| +I[4, 2]
--| +I[7, 1]
