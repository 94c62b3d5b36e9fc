-- Functions over neighbours: LAG gives what is there, NULL too; aggregates leave it out.
SELECT id, x, LAG(x) OVER (ORDER BY id) AS before, LAG(x, 1, -1) OVER (ORDER BY id) AS before_or, SUM(x) OVER (ORDER BY id) AS so_far, COUNT(x) OVER (ORDER BY id) AS n FROM (VALUES (1, NULL), (2, 4), (3, NULL), (4, 1)) AS t(id, x);
--| +I[1, null, null, -1, null, 0]
--| +I[2, 4, null, null, 4, 1]
--| +I[3, null, 4, 4, 4, 1]
--| +I[4, 1, null, null, 5, 2]
