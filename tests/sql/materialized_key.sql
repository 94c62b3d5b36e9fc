-- A table whose declared key the query does not prove: all rows of a key are kept, the last one stands.
CREATE TABLE scores (who STRING, points INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+ann,3
+bob,3
+eve,3
+ann,4
-eve,3
+bob,9
-bob,9
-ann,4
');

CREATE TABLE by_points (who STRING, points INT, PRIMARY KEY (points) NOT ENFORCED) WITH ('connector' = 'print');
INSERT INTO by_points SELECT who, points FROM scores;
--| by_points:
--| +I[bob, 3]

CREATE TABLE keyed_by_points (who STRING, points INT, PRIMARY KEY (points) NOT ENFORCED) WITH ('connector' = 'keyed');
INSERT INTO keyed_by_points SELECT who, points FROM scores;
--| keyed_by_points:
--| +I[bob, 3]

CREATE TABLE keyed_by_name (who STRING, points BIGINT, PRIMARY KEY (who) NOT ENFORCED) WITH ('connector' = 'keyed');
INSERT INTO keyed_by_name SELECT who, COUNT(*) FROM scores GROUP BY who;
--| keyed_by_name:
--| +I[ann, 1]
--| +I[bob, 1]

CREATE TABLE everything (who STRING, points INT) WITH ('connector' = 'print');
INSERT INTO everything SELECT who, points FROM scores;
--| everything:
--| +I[ann, 3]
--| +I[bob, 3]

EXPLAIN INSERT INTO keyed_by_points SELECT who, points FROM scores;
--| Sink keyed_by_points (keyed) #3
--|     changelog: upsert by points
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Materialize by points #2
--|       exchange: by hash of points
--|       emits one row for each key, the last that came: the query does not prove the key
--|       state: all rows, kept until they are taken back (warning: grows with the input)
--|       changelog: retract, one row for each points
--|     Source scores (inline) #0
--|         reads: who, points
--|         project: who = who@0, points = points@1
--|         watermark: none
--|         bad records: counted and skipped
--|         changelog: retract

EXPLAIN INSERT INTO keyed_by_name SELECT who, COUNT(*) FROM scores GROUP BY who;
--| Sink keyed_by_name (keyed) #4
--|     changelog: upsert by who
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: who = who@0, count(*) = count(*)@1
--|       project: who = who@0, points = count(*)@1
--|       changelog: upsert by who
--|     GroupAggregate by who #2
--|         computes: count(*)
--|         exchange: by hash of who, after a local aggregation
--|         emits the changed groups of every epoch
--|         state: one entry per key, kept for ever (warning: grows with the number of keys; STATE_TTL bounds it)
--|         changelog: upsert by who
--|       Source scores (inline) #0
--|           reads: who
--|           project: who = who@0
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: retract
