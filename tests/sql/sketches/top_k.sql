-- The most frequent values with their counts, exact while there are few different ones.
SELECT APPROX_TOP_K(x, 2) AS top FROM (VALUES ('a'), ('b'), ('a'), ('c'), ('b'), ('a'), (NULL)) AS t(x);
--| +I[[+I[a, 3, 0], +I[b, 2, 0]]]
