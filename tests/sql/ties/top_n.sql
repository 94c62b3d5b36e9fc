-- With RANK all equals at the border are among the first n, with ROW_NUMBER exactly n.
SELECT id FROM (SELECT id, RANK() OVER (ORDER BY x DESC) AS r FROM (VALUES (1, 9), (2, 8), (3, 8), (4, 7)) AS t(id, x)) WHERE r <= 2;
--| +I[1]
--| +I[2]
--| +I[3]

SELECT id FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY x DESC) AS r FROM (VALUES (1, 9), (2, 8), (3, 8), (4, 7)) AS t(id, x)) WHERE r <= 2;
--| +I[1]
--| +I[2]

SELECT id FROM (SELECT id, DENSE_RANK() OVER (ORDER BY x DESC) AS r FROM (VALUES (1, 9), (2, 8), (3, 8), (4, 7)) AS t(id, x)) WHERE r = 2;
--| +I[2]
--| +I[3]
