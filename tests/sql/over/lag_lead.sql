-- LAG and LEAD look back and ahead, with a distance and a default.
SELECT id, LAG(id, 2) OVER (ORDER BY id) AS a, LEAD(id) OVER (ORDER BY id) AS b, LEAD(id, 2, 0) OVER (ORDER BY id) AS c FROM (VALUES (1), (2), (3)) AS t(id);
--| +I[1, null, 2, 3]
--| +I[2, null, 3, 0]
--| +I[3, 1, null, 0]
