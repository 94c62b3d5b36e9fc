-- Before the first version there is none: an inner join leaves the row out.
CREATE TABLE o (id INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,a,2024-11-11 00:00:01
2,-,2024-11-11 00:00:09
3,a,2024-11-11 00:00:09
');
CREATE TABLE v (k STRING, x INT, since TIMESTAMP(3), WATERMARK FOR since AS since - INTERVAL '1' MINUTE, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,10,2024-11-11 00:00:05
');

SELECT o.id, v.x FROM o JOIN v FOR SYSTEM_TIME AS OF o.ts ON o.k = v.k;
--| +I[3, 10]

SELECT o.id, v.x FROM o LEFT JOIN v FOR SYSTEM_TIME AS OF o.ts ON o.k = v.k;
--| +I[1, null]
--| +I[2, null]
--| +I[3, 10]
