-- Upserts as a source: a row replaces the one with its key, a deletion knows only the key.
CREATE TABLE users (id INT, name STRING, city STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'upsert', 'data' = '
+1,ann,rome
+2,bob,oslo
+1,ann,oslo
-2,-,-
-3,-,-
+4,eve,-
+4,eve,-
+1,ann,oslo
', 'data.2' = '
+10,kim,rome
+11,lee,rome
-11,-,-
+12,zoe,oslo
');

SELECT id, name, city FROM users;
--| +I[1, ann, oslo]
--| +I[10, kim, rome]
--| +I[12, zoe, oslo]
--| +I[4, eve, null]

SELECT city, COUNT(*) AS n FROM users GROUP BY city;
--| +I[null, 1]
--| +I[oslo, 2]
--| +I[rome, 1]

SELECT name FROM users;
--| +I[ann]
--| +I[eve]
--| +I[kim]
--| +I[zoe]

SELECT a.name, b.name AS other FROM users a JOIN users b ON a.city = b.city AND a.id < b.id;
--| +I[ann, zoe]

CREATE TABLE kept (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'keyed');
INSERT INTO kept SELECT id, name FROM users;
--| kept:
--| +I[1, ann]
--| +I[10, kim]
--| +I[12, zoe]
--| +I[4, eve]

CREATE TABLE stays (id INT, at_time TIMESTAMP(3), nights INT, WATERMARK FOR at_time AS at_time - INTERVAL '1' MINUTE, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'upsert', 'data' = '
+1,2024-11-11 00:00:00,2
+2,2024-11-11 00:30:00,3
-2,-,-
+1,2024-11-11 00:10:00,5
');

SELECT COUNT(*) AS n, SUM(nights) AS nights FROM stays;
--| +I[1, 5]

EXPLAIN SELECT name FROM users;
--| Sink result (print) #3
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #2
--|       project: name = name@1
--|       changelog: retract
--|     Normalize by id #1
--|         exchange: by hash of id
--|         emits exact changes: what a row replaces is taken back; nothing when nothing changes
--|         state: the last row of each key, kept until it is deleted (grows with the table)
--|         changelog: retract, one row for each id
--|       Source users (inline) #0
--|           reads: id, name
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: upsert by id

CREATE TABLE unkeyed (id INT, name STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'upsert', 'data' = '+1,a');
SELECT id FROM unkeyed;
--| error: table 'unkeyed': 'scan.changelog' = 'upsert' needs a PRIMARY KEY
--|  --> upsert_source.sql:2:1
--|   |
--| 2 | SELECT id FROM unkeyed;
--|   | ^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Add PRIMARY KEY (…) NOT ENFORCED.
