-- A lookup takes the other table as it is: several rows for a key, none for another.
CREATE TABLE v (who STRING, proc AS PROCTIME()) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
ann
bob
zoe
');
CREATE TABLE n (who STRING, x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
ann,1
ann,2
bob,3
');

SELECT v.who, n.x FROM v JOIN n FOR SYSTEM_TIME AS OF v.proc ON v.who = n.who;
--| +I[ann, 1]
--| +I[ann, 2]
--| +I[bob, 3]

SELECT v.who, n.x FROM v LEFT JOIN n FOR SYSTEM_TIME AS OF v.proc ON v.who = n.who AND n.x > 1;
--| +I[ann, 2]
--| +I[bob, 3]
--| +I[zoe, null]
