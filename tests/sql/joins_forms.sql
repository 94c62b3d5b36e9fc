-- The ways to write a join.
CREATE TABLE a (id INT, k INT, v STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,10,one
2,20,two
3,-,three
4,40,four
');

CREATE TABLE b (k INT, w INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
10,100
20,5
20,200
-,7
50,1
');

CREATE TABLE c (w INT, name STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
100,hundred
200,two hundred
');

SELECT id, w FROM a JOIN b USING (k);
--| +I[1, 100]
--| +I[2, 200]
--| +I[2, 5]

SELECT id, k, w FROM a NATURAL JOIN b;
--| +I[1, 10, 100]
--| +I[2, 20, 200]
--| +I[2, 20, 5]

SELECT id, k, w FROM a NATURAL LEFT JOIN b;
--| +I[1, 10, 100]
--| +I[2, 20, 200]
--| +I[2, 20, 5]
--| +I[3, null, null]
--| +I[4, 40, null]

SELECT a.id, b.w FROM a, b WHERE a.k = b.k AND b.w > 50;
--| +I[1, 100]
--| +I[2, 200]

SELECT a.id, c.name FROM a, c, b WHERE a.k = b.k AND b.w = c.w;
--| +I[1, hundred]
--| +I[2, two hundred]

SELECT a.id, b.w FROM a CROSS JOIN b WHERE b.w < 6;
--| +I[1, 1]
--| +I[1, 5]
--| +I[2, 1]
--| +I[2, 5]
--| +I[3, 1]
--| +I[3, 5]
--| +I[4, 1]
--| +I[4, 5]

SELECT a.id, t.w FROM a CROSS JOIN LATERAL (SELECT w FROM b WHERE b.k = a.k AND b.w > 10) AS t;
--| +I[1, 100]
--| +I[2, 200]

SELECT a.id, t.w FROM a LEFT JOIN LATERAL (SELECT w FROM b WHERE b.k = a.k AND b.w > 10) AS t ON TRUE;
--| +I[1, 100]
--| +I[2, 200]
--| +I[3, null]
--| +I[4, null]

SELECT a.id, t.total FROM a, LATERAL (SELECT SUM(w) AS total FROM b WHERE b.k = a.k) AS t;
--| +I[1, 100]
--| +I[2, 205]
--| +I[3, null]
--| +I[4, null]

-- Conditions on one side only.
SELECT a.id, b.w FROM a LEFT JOIN b ON a.k = b.k AND b.w > 50;
--| +I[1, 100]
--| +I[2, 200]
--| +I[3, null]
--| +I[4, null]

SELECT a.id, b.w FROM a LEFT JOIN b ON a.k = b.k AND a.id > 1;
--| +I[1, null]
--| +I[2, 200]
--| +I[2, 5]
--| +I[3, null]
--| +I[4, null]

SELECT a.id, b.w FROM a RIGHT JOIN b ON a.k = b.k AND a.id > 1 AND b.w > 5;
--| +I[2, 200]
--| +I[null, 100]
--| +I[null, 1]
--| +I[null, 5]
--| +I[null, 7]

SELECT a.id, b.w FROM a FULL JOIN b ON a.k = b.k AND a.id > 1 AND b.w > 5;
--| +I[1, null]
--| +I[2, 200]
--| +I[3, null]
--| +I[4, null]
--| +I[null, 100]
--| +I[null, 1]
--| +I[null, 5]
--| +I[null, 7]

SELECT a.id, b.w FROM a LEFT JOIN b ON a.id > 3 AND b.w < 6;
--| +I[1, null]
--| +I[2, null]
--| +I[3, null]
--| +I[4, 1]
--| +I[4, 5]

SELECT a.id, b.w FROM a FULL JOIN b ON a.id = 1 AND b.w < 6;
--| +I[1, 1]
--| +I[1, 5]
--| +I[2, null]
--| +I[3, null]
--| +I[4, null]
--| +I[null, 100]
--| +I[null, 200]
--| +I[null, 7]

SELECT a.id, b.w FROM a JOIN b ON a.k IS NOT DISTINCT FROM b.k;
--| +I[1, 100]
--| +I[2, 200]
--| +I[2, 5]
--| +I[3, 7]

-- An outer join whose padding the condition drops is an inner join.
EXPLAIN SELECT a.id, b.w FROM a LEFT JOIN b ON a.k = b.k WHERE b.w > 50;
--| Sink result (print) #5
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #4
--|       project: id = id@0, k = k@1, k = k@2, w = w@3
--|       project: id = id@0, w = w@3
--|       changelog: append-only
--|     Join Inner #3
--|         on: (k) = (k)
--|         exchange: by hash of k and of k
--|         state: the rows of both sides, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|         changelog: append-only
--|       Source a (inline) #0
--|           reads: id, k
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only
--|       Source b (inline) #1
--|           reads: k, w
--|           filter: w@1 > 50
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only

-- Common parts of an OR are a key, and each side gets its share of it.
EXPLAIN SELECT a.id, b.w FROM a, b WHERE (a.k = b.k AND a.id < 3 AND b.w > 50) OR (a.k = b.k AND a.id > 3 AND b.w < 6);
--| Sink result (print) #6
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #5
--|       project: id = id@0, k = k@1, k = k@2, w = w@3
--|       project: id = id@0, w = w@3
--|       changelog: append-only
--|     Join Inner #4
--|         on: (k) = (k)
--|         and: id@0 < 3 AND w@3 > 50 OR id@0 > 3 AND w@3 < 6
--|         exchange: by hash of k and of k
--|         state: the rows of both sides, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|         changelog: append-only
--|       Source a (inline) #0
--|           reads: id, k
--|           filter: id@0 < 3 OR id@0 > 3
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only
--|       Source b (inline) #2
--|           reads: k, w
--|           filter: w@1 > 50 OR w@1 < 6
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only

-- What occurs twice is carried out once.
EXPLAIN SELECT x.k, x.n, y.n FROM (SELECT k, COUNT(*) AS n FROM b GROUP BY k) x JOIN (SELECT k, COUNT(*) AS n FROM b GROUP BY k) y ON x.k = y.k + 10;
--| Sink result (print) #8
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #7
--|       project: k = k@0, n = n@1, k = k@3, n = n@4
--|       project: k = k@0, n = n@1, n0 = n@3
--|       changelog: retract
--|     Join Inner #6
--|         on: ($left2) = ($right2)
--|         exchange: by hash of $left2 and of $right2
--|         state: the rows of both sides, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|         changelog: retract, one row for each k, k
--|       Map #4
--|           project: k = k@0, n = count(*)@1
--|           project: k = k@0, n = n@1, $left2 = CAST(k@0 AS Int64)
--|           changelog: retract, one row for each k
--|         Map #3
--|             project: k = k@0, count(*) = count(*)@1
--|             changelog: retract, one row for each k
--|           GroupAggregate by k #2
--|               computes: count(*)
--|               exchange: by hash of k, after a local aggregation
--|               emits the changed groups of every epoch
--|               state: one entry per key, kept for ever (warning: grows with the number of keys; STATE_TTL bounds it)
--|               changelog: retract, one row for each k
--|             Source b (inline) #0
--|                 reads: k
--|                 project: k = k@0
--|                 watermark: none
--|                 bad records: counted and skipped
--|                 changelog: append-only
--|       Map #5
--|           project: k = k@0, n = count(*)@1
--|           project: k = k@0, n = n@1, $right2 = CAST(k@0 AS Int64) + 10
--|           changelog: retract, one row for each k
--|         #3 (see above)
