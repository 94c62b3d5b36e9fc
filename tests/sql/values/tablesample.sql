-- TABLESAMPLE would give other rows each time: it is refused.
SELECT x FROM (VALUES (1), (2)) AS t(x) TABLESAMPLE BERNOULLI (50);
--| error: TABLESAMPLE
--|  --> tablesample.sql:2:1
--|   |
--| 2 | SELECT x FROM (VALUES (1), (2)) AS t(x) TABLESAMPLE BERNOULLI (50);
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Choose rows by their content, which a retraction can do again: WHERE MOD(id, 10) = 0.

CREATE TABLE t (x INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '1');

SELECT x FROM t TABLESAMPLE SYSTEM (50);
--| error: TABLESAMPLE
--|  --> tablesample.sql:1:1
--|   |
--| 1 | SELECT x FROM t TABLESAMPLE SYSTEM (50);
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Choose rows by their content, which a retraction can do again: WHERE MOD(id, 10) = 0.
