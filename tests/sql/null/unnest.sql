-- UNNEST of NULL or of an empty array gives no rows, unless the join is LEFT; a NULL element is a row.
SELECT id, e FROM (VALUES (1, ARRAY[1, NULL]), (2, CAST(NULL AS ARRAY<INT>))) AS t(id, a) CROSS JOIN UNNEST(a) AS u(e);
--| +I[1, 1]
--| +I[1, null]

SELECT id, e FROM (VALUES (1, ARRAY[1, NULL]), (2, CAST(NULL AS ARRAY<INT>))) AS t(id, a) LEFT JOIN UNNEST(a) AS u(e) ON TRUE;
--| +I[1, 1]
--| +I[1, null]
--| +I[2, null]
