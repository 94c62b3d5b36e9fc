-- Arrays sorted, joined, sliced and compared.
SELECT ARRAY_SORT(a) AS s, ARRAY_DISTINCT(a) AS d, ARRAY_REVERSE(a) AS r, ARRAY_CONCAT(a, ARRAY[9]) AS c, ARRAY_SLICE(a, 2, 3) AS l, ARRAY_JOIN(a, '-') AS j, a = ARRAY[3, 1, 3] AS same FROM (VALUES (ARRAY[3, 1, 3])) AS t(a);
--| +I[[1, 3, 3], [3, 1], [3, 1, 3], [3, 1, 3, 9], [1, 3], 3-1-3, true]
