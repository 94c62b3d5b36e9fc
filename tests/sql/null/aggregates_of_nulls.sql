-- Of NULL alone only counts know something.
SELECT k, COUNT(*) AS all_, COUNT(x) AS n, SUM(x) AS s, AVG(x) AS a, MIN(x) AS lo, STDDEV_SAMP(x) AS sd, BOOL_AND(x > 0) AS b, STRING_AGG(CAST(x AS STRING), ',') AS l FROM (VALUES ('a', CAST(NULL AS INT)), ('a', NULL), ('b', 1)) AS t(k, x) GROUP BY k;
--| +I[a, 2, 0, null, null, null, null, null, null]
--| +I[b, 1, 1, 1, 1, 1, null, true, 1]
