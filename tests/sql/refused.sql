-- What cannot be kept up to date exactly is refused, with the place and what to do.
CREATE TABLE a (id INT, x INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '1,2,2024-11-11 00:00:00');
CREATE TABLE b (id INT, y INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '1,2');

SELECT a.id, b.y FROM a JOIN b ON a.id = b.id;
--| +I[1, 2]

SELECT a.id FROM a LEFT JOIN b ON a.id = b.id;
--| +I[1]

SELECT a.id FROM a, b WHERE a.id = b.id;
--| +I[1]

SELECT id FROM a WHERE id IN (SELECT id FROM b);
--| +I[1]

SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.id = a.id);
--| +I[1]

SELECT id FROM a ORDER BY id;
--| error: ORDER BY without LIMIT has no meaning for a result that is kept up to date
--|  --> refused.sql:1:18
--|   |
--| 1 | SELECT id FROM a ORDER BY id;
--|   |                  ^^^^^^^^
--|   |
--|   = help: Add LIMIT n to keep the first n rows, or sort where the result is shown (a screen tile has `sort` and `limit`).

SELECT id FROM a INTERSECT SELECT id FROM b;
--| +I[1]

SELECT id FROM a EXCEPT SELECT id FROM b;

SELECT (SELECT MAX(y) FROM b) AS m FROM a;
--| +I[2]

SELECT COUNT(*) FROM a GROUP BY TUMBLE(x, INTERVAL '1' SECOND);
--| error: 'x' cannot be a window's time: it is INT, no timestamp
--|  --> refused.sql:1:40
--|   |
--| 1 | SELECT COUNT(*) FROM a GROUP BY TUMBLE(x, INTERVAL '1' SECOND);
--|   |                                        ^
--|   |
--|   = help: Use the column that has a WATERMARK, or one computed with PROCTIME().

DELETE FROM a WHERE id = 1;
--| error: DELETE is not supported
--|  --> refused.sql:1:1
--|   |
--| 1 | DELETE FROM a WHERE id = 1;
--|   | ^^^^^^
--|   |
--|   = help: Filter the rows with WHERE in the query that writes the table.

UPDATE a SET x = 1;
--| error: UPDATE is not supported
--|  --> refused.sql:1:1
--|   |
--| 1 | UPDATE a SET x = 1;
--|   | ^^^^^^
--|   |
--|   = help: Write the changed rows with INSERT INTO … SELECT.
