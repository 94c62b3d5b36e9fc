-- Rows of INTERSECT and EXCEPT are forgotten so long after their last change on either side, by the longer lifetime. [time-passes]
CREATE TABLE l (k STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a
b
@ 9 s
c
@ 30 s
a
b
');

CREATE TABLE r (k STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
a
@ 12 s
b
@ 32 s
a
c
');

SELECT k FROM l INTERSECT SELECT k FROM r;
--| +I[a]
--| +I[b]
--| +I[c]

SET 'table.exec.state.ttl' = '10 s';

SELECT k FROM l INTERSECT SELECT k FROM r;
--| +I[a]
--| +I[a]

SELECT k FROM l INTERSECT ALL SELECT k FROM r;
--| +I[a]
--| +I[a]

SELECT k FROM l EXCEPT SELECT k FROM r;
--| +I[b]
--| +I[b]
--| +I[c]

SELECT k FROM l EXCEPT ALL SELECT k FROM r;
--| +I[b]
--| +I[b]
--| +I[c]

SELECT k FROM l UNION SELECT k FROM r;
--| +I[a]
--| +I[a]
--| +I[b]
--| +I[b]
--| +I[b]
--| +I[c]
--| +I[c]

SELECT /*+ STATE_TTL('l' = '25 s') */ k FROM l INTERSECT SELECT k FROM r;
--| +I[a]
--| +I[a]
--| +I[b]
--| +I[c]
