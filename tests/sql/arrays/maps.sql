-- Maps by their keys; a key that is not there gives NULL.
SELECT m['a'] AS a, m['z'] AS z, CARDINALITY(m) AS n, MAP_KEYS(m) AS k, MAP_VALUES(m) AS v FROM (VALUES (MAP['a', 1, 'b', 2])) AS t(m);
--| +I[1, null, 2, [a, b], [1, 2]]
