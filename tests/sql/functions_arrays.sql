-- Arrays and maps: a NULL array gives NULL, order is kept.
SELECT ARRAY_APPEND(ARRAY[1, 2], 3) AS a, ARRAY_APPEND(CAST(NULL AS ARRAY<INT>), 3) AS b, ARRAY_APPEND(ARRAY[1], CAST(NULL AS INT)) AS c, ARRAY_PREPEND(ARRAY[1, 2], 3) AS d, ARRAY_PREPEND(CAST(NULL AS ARRAY<INT>), 3) AS e, ARRAY_CONCAT(ARRAY[1, 2], ARRAY[2, 3], ARRAY[4]) AS f, ARRAY_CONCAT(ARRAY[1], CAST(NULL AS ARRAY<INT>)) AS g;
--| +I[[1, 2, 3], null, [1, null], [3, 1, 2], null, [1, 2, 2, 3, 4], null]

SELECT ARRAY_CONTAINS(ARRAY[1, 2], 2) AS a, ARRAY_CONTAINS(ARRAY[1, 2], 3) AS b, ARRAY_CONTAINS(ARRAY[1, NULL], CAST(NULL AS INT)) AS c, ARRAY_CONTAINS(ARRAY[1], CAST(NULL AS INT)) AS d, ARRAY_CONTAINS(CAST(NULL AS ARRAY<INT>), 1) AS e, ARRAY_POSITION(ARRAY[1, 2, 2], 2) AS f, ARRAY_POSITION(ARRAY[1], 3) AS g, ARRAY_POSITION(ARRAY[1, NULL], CAST(NULL AS INT)) AS h, ARRAY_POSITION(CAST(NULL AS ARRAY<INT>), 1) AS i;
--| +I[true, false, true, false, null, 2, 0, null, null]

SELECT ARRAY_DISTINCT(ARRAY[3, 1, 3, 2, 1]) AS a, ARRAY_DISTINCT(ARRAY[1, NULL, NULL]) AS b, ARRAY_EXCEPT(ARRAY[3, 1, 2, 2], ARRAY[1]) AS c, ARRAY_EXCEPT(ARRAY[1], CAST(NULL AS ARRAY<INT>)) AS d, ARRAY_INTERSECT(ARRAY[3, 1, 2, 2], ARRAY[2, 3]) AS e, ARRAY_UNION(ARRAY[3, 1, 1], ARRAY[2, 3]) AS f, ARRAY_UNION(ARRAY[1], CAST(NULL AS ARRAY<INT>)) AS g;
--| +I[[3, 1, 2], [1, null], [3, 2], null, [3, 2], [3, 1, 2], null]

SELECT ARRAY_MAX(ARRAY[1, 3, NULL]) AS a, ARRAY_MIN(ARRAY[1, 3, NULL]) AS b, ARRAY_MAX(CAST(NULL AS ARRAY<INT>)) AS c, ARRAY_MIN(ARRAY['b', 'a']) AS d, ARRAY_REMOVE(ARRAY[1, 2, 2, 3], 2) AS e, ARRAY_REMOVE(ARRAY[1, NULL], CAST(NULL AS INT)) AS f, ARRAY_REMOVE(ARRAY[1], CAST(NULL AS INT)) AS g, ARRAY_REVERSE(ARRAY[1, 2, 3]) AS h, ARRAY_REVERSE(CAST(NULL AS ARRAY<INT>)) AS i;
--| +I[3, 1, null, a, [1, 3], [1], [1], [3, 2, 1], null]

SELECT ARRAY_SLICE(ARRAY[1, 2, 3, 4, 5], 2, 4) AS a, ARRAY_SLICE(ARRAY[1, 2, 3, 4, 5], -3, -2) AS b, ARRAY_SLICE(ARRAY[1, 2, 3], 2) AS c, ARRAY_SLICE(ARRAY[1, 2, 3], 0, 2) AS d, ARRAY_SLICE(ARRAY[1, 2, 3], 3, 2) AS e, ARRAY_SLICE(ARRAY[1, 2, 3], 2, 9) AS f, ARRAY_SLICE(ARRAY[1, 2, 3], -9, 2) AS g, ARRAY_SLICE(ARRAY[1, 2, 3], 5) AS h, ARRAY_SLICE(ARRAY[1, 2, 3], 2, 0) AS i;
--| +I[[2, 3, 4], [3, 4], [2, 3], [1, 2], [], [2, 3], [1, 2], [], []]

SELECT ARRAY_SORT(ARRAY[3, 1, NULL, 2]) AS a, ARRAY_SORT(ARRAY[3, 1, NULL], FALSE) AS b, ARRAY_SORT(ARRAY[3, 1, NULL], TRUE, TRUE) AS c, ARRAY_SORT(ARRAY[3, 1, NULL], FALSE, FALSE) AS d, ARRAY_SORT(ARRAY[3, 1, NULL], TRUE, FALSE) AS e, ARRAY_SORT(ARRAY['b', 'a']) AS f;
--| +I[[null, 1, 2, 3], [3, 1, null], [null, 1, 3], [3, 1, null], [1, 3, null], [a, b]]

SELECT ARRAY_JOIN(ARRAY['a', NULL, 'c'], ',') AS a, ARRAY_JOIN(ARRAY['a', NULL, 'c'], ',', 'x') AS b, ARRAY_JOIN(ARRAY['a'], CAST(NULL AS STRING)) AS c, ARRAY_JOIN(CAST(NULL AS ARRAY<STRING>), ',') AS d, CARDINALITY(ARRAY[1, 2]) AS e, CARDINALITY(MAP['a', 1]) AS f, CARDINALITY(CAST(NULL AS ARRAY<INT>)) AS g, ELEMENT(ARRAY[7]) AS h;
--| +I[a,c, a,x,c, null, null, 2, 1, null, 7]

SELECT ARRAY[1, 2, 3][2] AS a, ARRAY[1][2] AS b, MAP['a', 1, 'b', 2]['b'] AS c, MAP['a', 1]['z'] AS d, MAP_KEYS(MAP['a', 1, 'b', 2]) AS e, MAP_VALUES(MAP['a', 1, 'b', 2]) AS f, MAP_ENTRIES(MAP['a', 1]) AS g;
--| +I[2, null, 2, null, [a, b], [1, 2], [+I[a, 1]]]

SELECT MAP_FROM_ARRAYS(ARRAY['a', 'b'], ARRAY[1, 2]) AS a, MAP_FROM_ARRAYS(CAST(NULL AS ARRAY<STRING>), ARRAY[1]) AS b, MAP_UNION(MAP['a', 1, 'b', 2], MAP['b', 3]) AS c;
--| +I[{a=1, b=2}, null, {a=1, b=3}]

-- With columns, row by row.
CREATE TABLE t (id INT, a ARRAY<STRING>, m MAP<STRING, INT>) WITH ('connector' = 'inline', 'format' = 'json', 'data' = '
{"id": 1, "a": ["x", "y", "x"], "m": {"p": 1}}
{"id": 2, "a": null, "m": null}
{"id": 3, "a": [], "m": {}}
');
SELECT id, ARRAY_DISTINCT(a) AS d, ARRAY_APPEND(a, 'z') AS p, ARRAY_SLICE(a, 2) AS s, ARRAY_JOIN(a, '+') AS j, ARRAY_CONTAINS(a, 'y') AS c, MAP_UNION(m, MAP['q', 9]) AS u, MAP_KEYS(m) AS k FROM t;
--| +I[1, [x, y], [x, y, x, z], [y, x], x+y+x, true, {p=1, q=9}, [p]]
--| +I[2, null, null, null, null, null, null, null]
--| +I[3, [], [z], [], , false, {q=9}, []]

SELECT ELEMENT(a) AS e FROM t WHERE id <> 1;
--| +I[null]
--| +I[null]

-- COLLECT gives a multiset: each value and how often it occurs.
SELECT COLLECT(x) AS c, COLLECT(DISTINCT x) AS d, COLLECT(n) FILTER (WHERE n > 1) AS f FROM (VALUES ('b', 1), ('a', 2), ('b', 3), (NULL, 4)) AS t(x, n);
--| +I[{a=1, b=2}, {a=1, b=1}, {2=1, 3=1, 4=1}]

CREATE TABLE s (k STRING, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,3,2024-11-11 00:00:01
a,1,2024-11-11 00:00:02
b,2,2024-11-11 00:00:03
a,3,2024-11-11 00:00:04
a,5,2024-11-11 00:01:04
');
SELECT k, window_start, COLLECT(v) AS c FROM TABLE(HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '2' MINUTE)) GROUP BY k, window_start, window_end;
--| +I[a, 2024-11-10T23:59, {1=1, 3=2}]
--| +I[a, 2024-11-11T00:00, {1=1, 3=2, 5=1}]
--| +I[a, 2024-11-11T00:01, {5=1}]
--| +I[b, 2024-11-10T23:59, {2=1}]
--| +I[b, 2024-11-11T00:00, {2=1}]

SELECT VARIANCE(v) AS a, VAR_SAMP(v) AS b FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '2' MINUTE)) GROUP BY window_start, window_end;
--| +I[2.2, 2.2]
