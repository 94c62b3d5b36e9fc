-- Each side of a join forgets its rows so long after they came. [time-passes]
CREATE TABLE l (id INT, k STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a
2,b
@ 20 s
3,a
4,b
5,c
@ 50 s
6,a
7,c
');

CREATE TABLE r (k STRING, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a,10
@ 5 s
b,20
@ 25 s
a,11
c,30
@ 60 s
c,31
');

SELECT l.id, r.x FROM l JOIN r ON l.k = r.k;
--| +I[1, 10]
--| +I[1, 11]
--| +I[2, 20]
--| +I[3, 10]
--| +I[3, 11]
--| +I[4, 20]
--| +I[5, 30]
--| +I[5, 31]
--| +I[6, 10]
--| +I[6, 11]
--| +I[7, 30]
--| +I[7, 31]

-- Left rows meet what comes within 10 seconds behind them; right rows what comes within a minute.
SELECT /*+ STATE_TTL('l' = '10 s', 'r' = '1 min') */ l.id, r.x FROM l JOIN r ON l.k = r.k;
--| +I[1, 10]
--| +I[2, 20]
--| +I[3, 10]
--| +I[3, 11]
--| +I[4, 20]
--| +I[5, 30]
--| +I[6, 10]
--| +I[6, 11]
--| +I[7, 30]

SELECT /*+ STATE_TTL('l' = '10 s', 'r' = '10 s') */ l.id, r.x FROM l JOIN r ON l.k = r.k;
--| +I[1, 10]
--| +I[2, 20]
--| +I[3, 11]
--| +I[5, 30]

-- Only one side forgets.
SELECT /*+ STATE_TTL('r' = '10 s') */ l.id, r.x FROM l JOIN r ON l.k = r.k;
--| +I[1, 10]
--| +I[1, 11]
--| +I[2, 20]
--| +I[3, 11]
--| +I[5, 30]
--| +I[5, 31]
--| +I[7, 31]

-- What was told with NULL stays when the row is forgotten.
SELECT /*+ STATE_TTL('l' = '10 s', 'r' = '10 s') */ l.id, r.x FROM l LEFT JOIN r ON l.k = r.k;
--| +I[1, 10]
--| +I[2, 20]
--| +I[3, 11]
--| +I[4, null]
--| +I[5, 30]
--| +I[6, null]
--| +I[7, null]

SELECT /*+ STATE_TTL('l' = '10 s', 'r' = '10 s') */ l.id, r.x FROM l RIGHT JOIN r ON l.k = r.k;
--| +I[1, 10]
--| +I[2, 20]
--| +I[3, 11]
--| +I[5, 30]
--| +I[null, 31]

SELECT /*+ STATE_TTL('l' = '10 s', 'r' = '10 s') */ l.id, r.k, r.x FROM l FULL JOIN r ON l.k = r.k;
--| +I[1, a, 10]
--| +I[2, b, 20]
--| +I[3, a, 11]
--| +I[4, null, null]
--| +I[5, c, 30]
--| +I[6, null, null]
--| +I[7, null, null]
--| +I[null, c, 31]

SELECT /*+ STATE_TTL('l' = '10 s', 'r' = '10 s') */ id FROM l WHERE EXISTS (SELECT 1 FROM r WHERE r.k = l.k);
--| +I[1]
--| +I[2]
--| +I[3]
--| +I[5]

SELECT /*+ STATE_TTL('l' = '10 s', 'r' = '10 s') */ id FROM l WHERE k NOT IN (SELECT k FROM r);
--| +I[4]
--| +I[6]
--| +I[7]

SELECT /*+ STATE_TTL('l' = '10 s', 'r' = '10 s') */ id FROM l WHERE NOT EXISTS (SELECT 1 FROM r WHERE r.k = l.k AND r.x > 10);
--| +I[1]
--| +I[4]
--| +I[6]
--| +I[7]

-- Any condition.
SELECT /*+ STATE_TTL('l' = '10 s', 'r' = '10 s') */ l.id, r.x FROM l JOIN r ON l.id * 10 >= r.x;
--| +I[1, 10]
--| +I[2, 10]
--| +I[2, 20]
--| +I[3, 11]
--| +I[3, 30]
--| +I[4, 11]
--| +I[4, 30]
--| +I[5, 11]
--| +I[5, 30]
