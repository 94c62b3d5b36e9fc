-- Paths into JSON: to one place, or to a list of what a filter, a slice, a star or a descent finds.
SELECT JSON_VALUE('{"a": [1, 2, 3]}', '$.a[-1]') AS a, JSON_VALUE('{"a.b": [0.998]}', '$.["a.b"][0]' RETURNING DOUBLE) AS b, JSON_VALUE('{"a b": 1}', '$[''a b'']') AS c, JSON_VALUE('[5]', '$[0]') AS d, JSON_VALUE('"x"', '$') AS e;
--| +I[3, 0.998, 1, 5, x]

SELECT JSON_QUERY(j, '$.a[*].p') AS a, JSON_QUERY(j, '$..p') AS b, JSON_QUERY(j, '$.a[1:]') AS c, JSON_QUERY(j, '$.a[?(@.p > 2)].p') AS d, JSON_QUERY(j, '$.a.p') AS e, JSON_EXISTS(j, '$.a[?(@.p > 9)]') AS f
FROM (VALUES ('{"a": [{"p": 1}, {"p": 5}]}')) AS t(j);
--| +I[[1,5], [1,5], [{"p":5}], [5], null, false]

SELECT JSON_QUERY('{"a":["x", null, 1.50, {"b": 2}]}', '$.a' RETURNING ARRAY<STRING>) AS a, JSON_QUERY('{"a":5}', '$.a' RETURNING ARRAY<STRING>) AS b, JSON_QUERY('{"a":[1, 2]}', '$.a' RETURNING ARRAY<INT>) AS c, JSON_QUERY('{"a":[1]}', '$.a' RETURNING STRING) AS d;
--| +I[[x, null, 1.50, {"b":2}], null, [1, 2], [1]]

-- Numbers keep their digits: nothing is rounded on the way to a DECIMAL.
SELECT JSON_VALUE('{"a": 1.50}', '$.a') AS a, CAST(JSON_VALUE('{"a": 123456789012345678.99}', '$.a') AS DECIMAL(20, 2)) AS b, JSON_QUERY('{"a": {"b": 123456789012345678.99 }}', '$.a') AS c;
--| +I[1.50, 123456789012345678.99, {"b":123456789012345678.99}]
