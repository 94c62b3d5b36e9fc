-- UNION ALL, views in views.
CREATE TABLE a (id INT, s STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,x
2,y
');

CREATE TABLE b (id INT, s STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
2,y
3,z
');

SELECT * FROM a UNION ALL SELECT * FROM b;
--| +I[1, x]
--| +I[2, y]
--| +I[2, y]
--| +I[3, z]

SELECT id FROM a WHERE id > 1 UNION ALL SELECT id * 10 FROM b UNION ALL VALUES (7);
--| +I[20]
--| +I[2]
--| +I[30]
--| +I[7]

CREATE VIEW both_tables AS SELECT * FROM a UNION ALL SELECT * FROM b;
CREATE VIEW big AS SELECT id, s || '!' AS loud FROM both_tables WHERE id > 1;
SELECT loud, id FROM big;
--| +I[y!, 2]
--| +I[y!, 2]
--| +I[z!, 3]

CREATE TEMPORARY VIEW named (n, t) AS SELECT id, s FROM a;
SELECT n FROM named WHERE t = 'x';
--| +I[1]

WITH c AS (SELECT id FROM a), d AS (SELECT id + 100 AS id FROM c) SELECT * FROM d;
--| +I[101]
--| +I[102]

SELECT * FROM (SELECT id AS i FROM a) AS t WHERE i = 2;
--| +I[2]

-- UNION without ALL: each row once.
SELECT * FROM a UNION SELECT * FROM b;
--| +I[1, x]
--| +I[2, y]
--| +I[3, z]
