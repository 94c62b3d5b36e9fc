-- Values out of JSON texts: NULL when the path finds nothing; as in Flink a NULL in it counts as nothing.
SELECT JSON_VALUE('{"a": {"b": "x"}, "n": 5}', '$.a.b') AS v, JSON_VALUE('{"n": 5}', '$.n' RETURNING INT) + 1 AS n, JSON_VALUE('{"a": 1}', '$.z') AS z, JSON_EXISTS('{"a": null}', '$.a') AS e, JSON_QUERY('{"a": [1, 2]}', '$.a') AS q;
--| +I[x, 6, null, false, [1,2]]
