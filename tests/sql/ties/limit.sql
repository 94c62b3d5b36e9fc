-- LIMIT keeps exactly n rows; equals at the border go by their other columns.
SELECT id, x FROM (VALUES (2, 5), (1, 5), (3, 4)) AS t(id, x) ORDER BY x DESC LIMIT 1;
--| +I[1, 5]

SELECT id, x FROM (VALUES (2, 5), (1, 5), (3, 4)) AS t(id, x) ORDER BY x DESC LIMIT 1 OFFSET 1;
--| +I[2, 5]

SELECT id FROM (VALUES (1), (1), (1)) AS t(id) LIMIT 2;
--| +I[1]
--| +I[1]
