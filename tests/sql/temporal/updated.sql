-- An update makes a new version; the one before stays valid until then.
CREATE TABLE o (id INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,2024-11-11 00:00:02
2,a,2024-11-11 00:00:06
');
CREATE TABLE v (k STRING, x INT, since TIMESTAMP(3), WATERMARK FOR since AS since - INTERVAL '1' MINUTE, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'debezium-json', 'data' = '
{"before": null, "after": {"k": "a", "x": 10, "since": "2024-11-11 00:00:01"}, "op": "c"}
{"before": {"k": "a", "x": 10, "since": "2024-11-11 00:00:01"}, "after": {"k": "a", "x": 11, "since": "2024-11-11 00:00:05"}, "op": "u"}
');

SELECT o.id, v.x FROM o JOIN v FOR SYSTEM_TIME AS OF o.ts ON o.k = v.k;
--| +I[1, 10]
--| +I[2, 11]
