-- DISTINCT ON keeps one row for each key, the first of the order; equals go by the other columns.
SELECT DISTINCT ON (k) k, id FROM (VALUES ('a', 2, 1), ('a', 1, 1), ('b', 3, 9)) AS t(k, id, x) ORDER BY k, x;
--| +I[a, 1]
--| +I[b, 3]
