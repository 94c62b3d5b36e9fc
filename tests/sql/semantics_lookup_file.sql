-- A processing-time lookup join with a file: the left rows wait until the file has been read; later changes of the right
-- side would not change what was given.
CREATE TABLE o (id INT, c INT, proc AS PROCTIME()) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,7
2,8
3,-
4,9
');

CREATE TABLE names (c INT, name STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
7,ann
8,bob
8,bea
');

-- Two rows of the table for one key: two rows come out.
SELECT o.id, n.name FROM o JOIN names FOR SYSTEM_TIME AS OF o.proc AS n ON o.c = n.c;
--| +I[1, ann]
--| +I[2, bea]
--| +I[2, bob]

SELECT o.id, n.name FROM o LEFT JOIN names FOR SYSTEM_TIME AS OF o.proc AS n ON o.c = n.c AND n.name LIKE 'b%';
--| +I[1, null]
--| +I[2, bea]
--| +I[2, bob]
--| +I[3, null]
--| +I[4, null]
