-- Elements count from 1; CARDINALITY counts them; what lies outside is NULL.
SELECT a[1] AS first_, a[3] AS none, CARDINALITY(a) AS n, ARRAY_CONTAINS(a, 2) AS c, ARRAY_POSITION(a, 2) AS p FROM (VALUES (ARRAY[1, 2])) AS t(a);
--| +I[1, null, 2, true, 2]
