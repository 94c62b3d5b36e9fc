-- A text is made once for the rows of its minute; the next minute's is its own, whatever stands before it.
SELECT n, DATE_FORMAT(ts, 'HH:mm') AS a, DATE_FORMAT(ts, 'yyyy-MM-dd') AS b FROM (VALUES (1, TIMESTAMP '2020-01-01 10:00:01'), (2, TIMESTAMP '2020-01-01 10:00:59'), (3, TIMESTAMP '2020-01-01 10:01:00'), (4, TIMESTAMP '2020-01-02 23:59:00'), (5, NULL), (6, TIMESTAMP '2020-01-02 23:59:59'), (7, TIMESTAMP '2020-01-01 10:00:01')) AS t(n, ts);
--| +I[1, 10:00, 2020-01-01]
--| +I[2, 10:00, 2020-01-01]
--| +I[3, 10:01, 2020-01-01]
--| +I[4, 23:59, 2020-01-02]
--| +I[5, null, null]
--| +I[6, 23:59, 2020-01-02]
--| +I[7, 10:00, 2020-01-01]
