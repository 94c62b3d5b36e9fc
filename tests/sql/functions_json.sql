-- JSON out of values; keys of objects are in alphabetical order, as in Flink.
SELECT JSON_OBJECT('b' VALUE 1, 'a' VALUE 'x', 'c' VALUE TRUE, 'd' VALUE CAST(NULL AS STRING), 'e' VALUE 1.50, 'f' VALUE 1e0) AS j;
--| +I[{"a":"x","b":1,"c":true,"d":null,"e":1.50,"f":1.0}]

SELECT JSON_OBJECT('d' VALUE CAST(NULL AS STRING) ABSENT ON NULL) AS a, JSON_OBJECT() AS b, JSON_OBJECT(KEY 'k' VALUE JSON_OBJECT('z' VALUE JSON_ARRAY(1, 'q"'))) AS c, JSON_OBJECT('k' VALUE 1, 'k' VALUE 2) AS d;
--| +I[{}, {}, {"k":{"z":[1,"q\""]}}, {"k":2}]

SELECT JSON_OBJECT('t' VALUE CAST(TIMESTAMP '2024-11-11 01:02:03.120' AS TIMESTAMP_LTZ(3)), 'u' VALUE TIMESTAMP '2024-11-11 00:00:00', 'a' VALUE ARRAY[1, 2], 'm' VALUE MAP['k', 1], 'r' VALUE CAST(ROW(1, 'x') AS ROW<b INT, a STRING>)) AS j;
--| +I[{"a":[1,2],"m":{"k":1},"r":{"a":"x","b":1},"t":"2024-11-11T01:02:03.12Z","u":"2024-11-11T00:00:00"}]

SELECT JSON_OBJECT('b' VALUE ENCODE('abc', 'UTF-8'), 'x' VALUE CAST(1.5 AS DOUBLE), 'f' VALUE CAST(0.1 AS FLOAT)) AS a, JSON_OBJECT('j' VALUE JSON('{"b": 1, "a": [1, 2]}')) AS b, JSON_OBJECT('s' VALUE JSON_QUERY('{"a": [1]}', '$.a')) AS c;
--| +I[{"b":"YWJj","f":0.10000000149011612,"x":1.5}, {"j":{"a":[1,2],"b":1}}, {"s":"[1]"}]

SELECT JSON_ARRAY(1, '2') AS a, JSON_ARRAY(1, CAST(NULL AS INT) NULL ON NULL) AS b, JSON_ARRAY() AS c, JSON_ARRAY(JSON_ARRAY(1)) AS d, JSON_ARRAY(JSON_OBJECT('a' VALUE 1)) AS e, JSON_ARRAY(1, CAST(NULL AS INT)) AS f;
--| +I[[1,"2"], [1,null], [], [[1]], [{"a":1}], [1]]

SELECT JSON_STRING(1) AS a, JSON_STRING('a"b') AS b, JSON_STRING(CAST(NULL AS INT)) AS c, JSON_STRING(ARRAY[1, 2]) AS d, JSON_STRING(MAP['b', 1, 'a', 2]) AS e, JSON_QUOTE('a"é') AS f, JSON_UNQUOTE('"a\"b"') AS g, JSON_UNQUOTE('abc') AS h;
--| +I[1, "a\"b", null, [1,2], {"a":2,"b":1}, "a\"\u00e9", a"b, abc]

SELECT '1' IS JSON AS a, '{}' IS JSON OBJECT AS b, '[]' IS JSON ARRAY AS c, '"a"' IS JSON SCALAR AS d, 'a' IS JSON AS e, CAST(NULL AS STRING) IS JSON AS f, 'a' IS NOT JSON AS g, '{}' IS NOT JSON OBJECT AS h;
--| +I[true, true, true, true, false, false, true, false]

SELECT JSON_EXISTS('{"a": true}', '$.a') AS a, JSON_EXISTS('{"a": true}', '$.b') AS b, JSON_EXISTS('{"a": [{ "b": 1 }]}', '$.a[0].b') AS c, JSON_EXISTS('{"a": true}', 'strict $.b' TRUE ON ERROR) AS d, JSON_EXISTS('{"a": true}', 'strict $.b' FALSE ON ERROR) AS e, JSON_EXISTS('{"a": null}', '$.a') AS f;
--| +I[true, false, true, true, false, false]

CREATE TABLE t (k STRING, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
b,1,2024-11-11 00:00:01
a,2,2024-11-11 00:00:02
c,,2024-11-11 00:00:03
d,,2024-11-11 00:05:00
');
SELECT k, JSON_OBJECT(KEY k VALUE v, 'kind' VALUE 'x') AS o FROM t;
--| +I[a, {"a":2,"kind":"x"}]
--| +I[b, {"b":1,"kind":"x"}]
--| +I[c, {"c":null,"kind":"x"}]
--| +I[d, {"d":null,"kind":"x"}]

SELECT JSON_OBJECTAGG(KEY k VALUE v) AS a, JSON_ARRAYAGG(v) AS b, JSON_ARRAYAGG(v NULL ON NULL) AS c, JSON_OBJECTAGG(KEY k VALUE v ABSENT ON NULL) AS d, JSON_ARRAYAGG(k) FILTER (WHERE v > 1) AS e, JSON_ARRAYAGG(JSON_OBJECT('k' VALUE k)) AS f
FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;
--| +I[{"a":2,"b":1,"c":null}, [1,2], [1,2,null], {"a":2,"b":1}, ["a"], [{"k":"b"},{"k":"a"},{"k":"c"}]]
--| +I[{"d":null}, [], [null], {}, [], [{"k":"d"}]]

SELECT JSON_OBJECT('a' 1) AS a;
--| error: JSON_OBJECT cannot be read
--|  --> functions_json.sql:1:20
--|   |
--| 1 | SELECT JSON_OBJECT('a' 1) AS a;
--|   |                    ^^^
--|   |
--|   = help: Write JSON_OBJECT(KEY key VALUE value [NULL ON NULL | ABSENT ON NULL]).

SELECT JSON_ARRAY(1, , 2) AS a;
--| error: JSON_ARRAY cannot be read
--|  --> functions_json.sql:1:8
--|   |
--| 1 | SELECT JSON_ARRAY(1, , 2) AS a;
--|   |        ^^^^^^^^^^
--|   |
--|   = help: Write JSON_ARRAY(value [NULL ON NULL | ABSENT ON NULL]).

SELECT JSON_OBJECT('a' VALUE) AS a;
--| error: JSON_OBJECT cannot be read
--|  --> functions_json.sql:1:20
--|   |
--| 1 | SELECT JSON_OBJECT('a' VALUE) AS a;
--|   |                    ^^^
--|   |
--|   = help: Write JSON_OBJECT(KEY key VALUE value [NULL ON NULL | ABSENT ON NULL]).
