-- Ties: what happens to rows that are equal in the order. Among equals the row that came first goes first; after a join or
-- an aggregation, where rows have no order of arrival, the content decides.
CREATE TABLE runs (id INT, team STRING, points INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,a,5
2,b,7
3,a,7
4,b,5
5,a,7
');

-- ROW_NUMBER counts through, RANK leaves gaps, DENSE_RANK does not.
SELECT id, rn FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY points DESC) AS rn FROM runs) WHERE rn <= 5;
--| +I[1, 4]
--| +I[2, 1]
--| +I[3, 2]
--| +I[4, 5]
--| +I[5, 3]

SELECT id, r FROM (SELECT id, RANK() OVER (ORDER BY points DESC) AS r FROM runs) WHERE r <= 9;
--| +I[1, 4]
--| +I[2, 1]
--| +I[3, 1]
--| +I[4, 4]
--| +I[5, 1]

SELECT id, r FROM (SELECT id, DENSE_RANK() OVER (ORDER BY points DESC) AS r FROM runs) WHERE r <= 9;
--| +I[1, 2]
--| +I[2, 1]
--| +I[3, 1]
--| +I[4, 2]
--| +I[5, 1]

-- RANK <= 2 may give more than two rows, ROW_NUMBER <= 2 never.
SELECT id FROM (SELECT id, RANK() OVER (ORDER BY points DESC) AS r FROM runs) WHERE r <= 2;
--| +I[2]
--| +I[3]
--| +I[5]

SELECT id FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY points DESC) AS r FROM runs) WHERE r <= 2;
--| +I[2]
--| +I[3]

-- A second column decides where it is named.
SELECT id FROM runs ORDER BY points DESC, id DESC LIMIT 2;
--| +I[3]
--| +I[5]

-- RANGE takes equals together, ROWS counts rows.
SELECT id, SUM(id) OVER (ORDER BY points) AS s FROM runs;
--| +I[1, 5]
--| +I[2, 15]
--| +I[3, 15]
--| +I[4, 5]
--| +I[5, 15]

-- The largest of each group with all its rows: a join with the maximum keeps ties.
SELECT r.id, r.team FROM runs r JOIN (SELECT team, MAX(points) AS p FROM runs GROUP BY team) m ON r.team = m.team AND r.points = m.p;
--| +I[2, b]
--| +I[3, a]
--| +I[5, a]
