-- An update of a table with a key takes the old row back and brings the new one.
CREATE TABLE t (id INT, k STRING, x INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'debezium-json', 'data' = '
{"before": null, "after": {"id": 1, "k": "a", "x": 1}, "op": "c"}
{"before": null, "after": {"id": 2, "k": "a", "x": 5}, "op": "c"}
{"before": {"id": 1, "k": "a", "x": 1}, "after": {"id": 1, "k": "b", "x": 7}, "op": "u"}
');

SELECT k, SUM(x) AS s, COUNT(*) AS n FROM t GROUP BY k;
--| +I[a, 5, 1]
--| +I[b, 7, 1]
