-- INSERT: columns by position, by name, statement sets; one source feeds several tables.
CREATE TABLE numbers (x INT, s STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,one
2,two
3,three
');

CREATE TABLE wide (a BIGINT, b STRING, c DOUBLE) WITH ('connector' = 'print');

INSERT INTO wide SELECT x, s, x / 2.0 FROM numbers;
--| wide:
--| +I[1, one, 0.5]
--| +I[2, two, 1.0]
--| +I[3, three, 1.5]

-- Columns not named get NULL.
INSERT INTO wide (b, a) SELECT s, x * 10 FROM numbers WHERE x < 3;
--| wide:
--| +I[10, one, null]
--| +I[20, two, null]

INSERT INTO wide VALUES (7, 'seven', 7.5), (8, NULL, NULL);
--| wide:
--| +I[7, seven, 7.5]
--| +I[8, null, null]

CREATE TABLE small (x INT) WITH ('connector' = 'print');
CREATE TABLE large (x INT) WITH ('connector' = 'print');

EXECUTE STATEMENT SET BEGIN
INSERT INTO small SELECT x FROM numbers WHERE x <= 1;
INSERT INTO large SELECT x FROM numbers WHERE x > 1;
END;
--| small:
--| +I[1]
--| large:
--| +I[2]
--| +I[3]

INSERT INTO wide SELECT x, s FROM numbers;
--| error: the query has 2 columns, 'wide' takes 3
--|  --> insert.sql:1:13
--|   |
--| 1 | INSERT INTO wide SELECT x, s FROM numbers;
--|   |             ^^^^
--|   |
--|   = help: Columns of 'wide': a BIGINT, b STRING, c DOUBLE.

INSERT INTO wide (a, nothing) SELECT x, s FROM numbers;
--| error: table 'wide' has no column 'nothing'
--|  --> insert.sql:1:22
--|   |
--| 1 | INSERT INTO wide (a, nothing) SELECT x, s FROM numbers;
--|   |                      ^^^^^^^

INSERT INTO wide SELECT s, s, x FROM numbers;
--| error: column 'a' of 'wide' is BIGINT, the query gives STRING
--|  --> insert.sql:1:25
--|   |
--| 1 | INSERT INTO wide SELECT s, s, x FROM numbers;
--|   |                         ^
--|   |
--|   = help: Convert it: CAST(… AS BIGINT).
