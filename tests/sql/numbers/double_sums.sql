-- Sums of doubles are exact and rounded once: nothing small is lost beside something large.
SELECT SUM(x) AS s, AVG(x) AS a FROM (VALUES (1e16), (1e0), (-1e16)) AS t(x);
--| +I[1.0, 0.3333333333333333]

SELECT SUM(x) AS s FROM (VALUES (0.1e0), (0.2e0), (0.3e0)) AS t(x);
--| +I[0.6]
