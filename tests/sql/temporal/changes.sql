-- Versions that replace each other: wherever an epoch ends between a row that is taken back and the next, the result is the same.
CREATE TABLE o (id INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,2024-11-11 00:00:01
2,b,2024-11-11 00:00:02
3,a,2024-11-11 00:00:03
4,b,2024-11-11 00:00:04
5,a,2024-11-11 00:00:05
6,b,2024-11-11 00:00:06
7,a,2024-11-11 00:00:07
8,c,2024-11-11 00:00:08
9,b,2024-11-11 00:00:09
');

CREATE TABLE taken_back (k STRING, x INT, since TIMESTAMP(3), WATERMARK FOR since AS since - INTERVAL '1' SECOND) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+a,10,2024-11-11 00:00:01
+b,90,2024-11-11 00:00:02
-a,10,2024-11-11 00:00:01
+a,11,2024-11-11 00:00:04
-b,90,2024-11-11 00:00:02
+b,80,2024-11-11 00:00:05
-b,80,2024-11-11 00:00:05
+b,70,2024-11-11 00:00:05
+c,1,2024-11-11 00:00:07
-a,11,2024-11-11 00:00:04
+a,12,2024-11-11 00:00:07
-c,1,2024-11-11 00:00:07
-b,70,2024-11-11 00:00:05
+b,60,2024-11-11 00:00:08
');

SELECT o.id, v.x FROM o LEFT JOIN taken_back FOR SYSTEM_TIME AS OF o.ts AS v ON o.k = v.k;
--| +I[1, 10]
--| +I[2, 90]
--| +I[3, 10]
--| +I[4, 90]
--| +I[5, 11]
--| +I[6, 70]
--| +I[7, 12]
--| +I[8, 1]
--| +I[9, 60]

-- The same as events with a key; only the new rows are looked at.
CREATE TABLE replaced (k STRING, x INT, since TIMESTAMP(3), WATERMARK FOR since AS since - INTERVAL '1' SECOND, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'debezium-json', 'data' = '
{"before": null, "after": {"k": "a", "x": 10, "since": "2024-11-11 00:00:01"}, "op": "c"}
{"before": null, "after": {"k": "b", "x": 90, "since": "2024-11-11 00:00:02"}, "op": "c"}
{"before": null, "after": {"k": "a", "x": 11, "since": "2024-11-11 00:00:04"}, "op": "u"}
{"before": null, "after": {"k": "b", "x": 80, "since": "2024-11-11 00:00:05"}, "op": "u"}
{"before": null, "after": {"k": "b", "x": 70, "since": "2024-11-11 00:00:05"}, "op": "u"}
{"before": null, "after": {"k": "c", "x": 1, "since": "2024-11-11 00:00:07"}, "op": "c"}
{"before": null, "after": {"k": "a", "x": 12, "since": "2024-11-11 00:00:07"}, "op": "u"}
{"before": {"k": "c", "x": 1, "since": "2024-11-11 00:00:07"}, "after": null, "op": "d"}
{"before": null, "after": {"k": "b", "x": 60, "since": "2024-11-11 00:00:08"}, "op": "u"}
');

SELECT o.id, v.x FROM o LEFT JOIN replaced FOR SYSTEM_TIME AS OF o.ts AS v ON o.k = v.k;
--| +I[1, 10]
--| +I[2, 90]
--| +I[3, 10]
--| +I[4, 90]
--| +I[5, 11]
--| +I[6, 70]
--| +I[7, 12]
--| +I[8, 1]
--| +I[9, 60]

-- What replaces what is known by the key alone.
SELECT o.id, v.x FROM o LEFT JOIN replaced FOR SYSTEM_TIME AS OF o.ts AS v ON o.id = v.x;
--| error: the versions of a table whose rows replace each other are joined by something else than its PRIMARY KEY
--|  --> changes.sql:2:48
--|   |
--| 2 | SELECT o.id, v.x FROM o LEFT JOIN replaced FOR SYSTEM_TIME AS OF o.ts AS v ON o.id = v.x;
--|   |                                                ^^^^^^^^^^^
--|   |
--|   = help: Write ON left.key = right.key for each column of the PRIMARY KEY.
