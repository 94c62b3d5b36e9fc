-- A field of a NULL row and an element out of range are NULL; a row of NULLs is no NULL.
SELECT a[3] AS none, a[2] AS is_null, CARDINALITY(a) AS n, r IS NULL AS r_null FROM (VALUES (ARRAY[1, NULL], ROW(CAST(NULL AS INT), 1))) AS t(a, r);
--| +I[null, null, 2, false]
