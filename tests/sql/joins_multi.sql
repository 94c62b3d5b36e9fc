-- Inner joins by one key: one operator that keeps each input once. NULL keys, rows that come twice and are taken back.
SET 'parallelism.default' = '2';
CREATE TABLE a (k INT, x STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,one
+1,one
+2,two
+,none
-1,one
+3,three
-2,two
+2,deux');
CREATE TABLE b (k INT, y STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,eins
+2,zwei
+2,two
+,nichts
-2,two
+4,vier');
CREATE TABLE c (k INT, z INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,10
2,20
2,21
,0
3,30');
CREATE TABLE d (k INT, u INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,7
2,20
2,9');

SELECT a.x, b.y, c.z FROM a JOIN b ON a.k = b.k JOIN c ON b.k = c.k;
--| +I[deux, zwei, 20]
--| +I[deux, zwei, 21]
--| +I[one, eins, 10]

-- A condition besides, on what the last join puts together.
SELECT a.x, c.z, d.u FROM a JOIN c ON a.k = c.k JOIN d ON d.k = a.k AND d.u < c.z;
--| +I[deux, 20, 9]
--| +I[deux, 21, 20]
--| +I[deux, 21, 9]
--| +I[one, 10, 7]

SELECT COUNT(*) AS n FROM a JOIN b ON a.k = b.k JOIN c ON b.k = c.k JOIN d ON c.k = d.k;
--| +I[5]

EXPLAIN SELECT a.x, c.z, d.u FROM a JOIN c ON a.k = c.k JOIN d ON d.k = a.k AND d.u < c.z;
--| Sink result (print) #5
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #4
--|       project: k = k@0, x = x@1, z = z@2, k = k@3, u = u@4
--|       project: x = x@1, z = z@2, u = u@4
--|       changelog: retract
--|     MultiJoin of 3 inputs #3
--|         on: (k) = (k) = (k)
--|         and: u@4 < z@2
--|         exchange: by hash of k and of k and of k
--|         state: the rows of each input, none of what lies between, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|         changelog: retract
--|       Source a (inline) #0
--|           reads: k, x
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: retract
--|       Source c (inline) #1
--|           reads: k, z
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only
--|       Source d (inline) #2
--|           reads: k, u
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only

-- Another key is another join.
EXPLAIN SELECT a.x, d.u FROM a JOIN c ON a.k = c.k JOIN d ON d.u = c.z;
--| Sink result (print) #7
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #6
--|       project: x = x@0, z = z@1, u = u@2
--|       project: x = x@0, u = u@2
--|       changelog: retract
--|     Join Inner #5
--|         on: (z) = (u)
--|         exchange: by hash of z and of u
--|         state: the rows of both sides, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|         changelog: retract
--|       Map #3
--|           project: k = k@0, x = x@1, k = k@2, z = z@3
--|           project: x = x@1, z = z@3
--|           changelog: retract
--|         Join Inner #2
--|             on: (k) = (k)
--|             exchange: by hash of k and of k
--|             state: the rows of both sides, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|             changelog: retract
--|           Source a (inline) #0
--|               reads: k, x
--|               watermark: none
--|               bad records: counted and skipped
--|               changelog: retract
--|           Source c (inline) #1
--|               reads: k, z
--|               watermark: none
--|               bad records: counted and skipped
--|               changelog: append-only
--|       Source d (inline) #4
--|           reads: u
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only

-- What is forgotten at some time is kept join by join.
EXPLAIN SELECT /*+ STATE_TTL('a' = '1 d', 'c' = '1 d', 'd' = '2 d') */ a.x, c.z, d.u FROM a JOIN c ON a.k = c.k JOIN d ON d.k = a.k;
--| Sink result (print) #7
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #6
--|       project: k = k@0, x = x@1, z = z@2, k = k@3, u = u@4
--|       project: x = x@1, z = z@2, u = u@4
--|       changelog: retract
--|     Join Inner #5
--|         on: (k) = (k)
--|         exchange: by hash of k and of k
--|         state: left rows kept for ever (warning: grow with the input), right rows forgotten 2 d after they came
--|         changelog: retract
--|       Map #3
--|           project: k = k@0, x = x@1, k = k@2, z = z@3
--|           project: k = k@0, x = x@1, z = z@3
--|           changelog: retract
--|         Join Inner #2
--|             on: (k) = (k)
--|             exchange: by hash of k and of k
--|             state: left rows forgotten 1 d after they came, right rows forgotten 1 d after they came
--|             changelog: retract
--|           Source a (inline) #0
--|               reads: k, x
--|               watermark: none
--|               bad records: counted and skipped
--|               changelog: retract
--|           Source c (inline) #1
--|               reads: k, z
--|               watermark: none
--|               bad records: counted and skipped
--|               changelog: append-only
--|       Source d (inline) #4
--|           reads: k, u
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only
