-- PERCENT_RANK and CUME_DIST count equals together.
SELECT x, PERCENT_RANK() OVER (ORDER BY x) AS p, CUME_DIST() OVER (ORDER BY x) AS c FROM (VALUES (1), (2), (2), (3)) AS t(x);
--| +I[1, 0.0, 0.25]
--| +I[2, 0.3333333333333333, 0.75]
--| +I[2, 0.3333333333333333, 0.75]
--| +I[3, 1.0, 1.0]
