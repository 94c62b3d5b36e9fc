-- Aggregates over frames with FILTER.
SELECT id, COUNT(*) FILTER (WHERE x > 1) OVER (ORDER BY id) AS n FROM (VALUES (1, 1), (2, 2), (3, 4)) AS t(id, x);
--| +I[1, 0]
--| +I[2, 1]
--| +I[3, 2]
