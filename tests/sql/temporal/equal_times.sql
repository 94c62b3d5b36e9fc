-- A version is valid from its own time on; of versions of the same time the last counts.
CREATE TABLE o (id INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,2024-11-11 00:00:01
2,a,2024-11-11 00:00:02
3,a,2024-11-11 00:00:03
');
CREATE TABLE v (k STRING, x INT, since TIMESTAMP(3), WATERMARK FOR since AS since - INTERVAL '1' MINUTE, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,10,2024-11-11 00:00:02
a,20,2024-11-11 00:00:03
');

SELECT o.id, v.x FROM o LEFT JOIN v FOR SYSTEM_TIME AS OF o.ts ON o.k = v.k;
--| +I[1, null]
--| +I[2, 10]
--| +I[3, 20]
