-- Rows that are taken back before and after they were forgotten. [time-passes]
CREATE TABLE l (id INT, k STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,a
+2,b
+3,c
@ 5 s
-1,a
@ 30 s
-2,b
+4,b
');

CREATE TABLE r (k STRING, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+a,10
+b,20
@ 7 s
+c,30
@ 31 s
-b,20
-c,30
@ 32 s
+b,21
');

SELECT l.id, r.x FROM l JOIN r ON l.k = r.k;
--| +I[4, 21]

SELECT /*+ STATE_TTL('l' = '10 s', 'r' = '10 s') */ l.id, r.x FROM l JOIN r ON l.k = r.k;
--| +I[2, 20]
--| +I[3, 30]
--| +I[4, 21]

SELECT /*+ STATE_TTL('l' = '10 s', 'r' = '1 min') */ l.id, r.x FROM l JOIN r ON l.k = r.k;
--| +I[2, 20]
--| +I[3, 30]
--| +I[4, 21]

SELECT l.id, r.x FROM l LEFT JOIN r ON l.k = r.k;
--| +I[3, null]
--| +I[4, 21]

SELECT /*+ STATE_TTL('l' = '1 min', 'r' = '10 s') */ l.id, r.x FROM l LEFT JOIN r ON l.k = r.k;
--| +I[2, 20]
--| +I[3, 30]
--| +I[4, 21]

SELECT /*+ STATE_TTL('l' = '1 min', 'r' = '10 s') */ id FROM l WHERE k IN (SELECT k FROM r);
--| +I[3]
--| +I[4]
