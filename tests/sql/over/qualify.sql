-- QUALIFY filters by the result of a window function.
SELECT k, x FROM (VALUES ('a', 1), ('a', 2), ('b', 3)) AS t(k, x) QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY x DESC) = 1;
--| +I[a, 2]
--| +I[b, 3]
