-- The values that make up at least a share of all.
SELECT APPROX_HEAVY_HITTERS(x, 0.4) AS h FROM (VALUES ('a'), ('a'), ('a'), ('b'), ('c'), ('b'), ('d')) AS t(x);
--| +I[[+I[a, 3, 0]]]
