-- An inner join on a NULL key finds nothing, not even another NULL.
SELECT l.id, r.name FROM (VALUES (1, 10), (2, NULL)) AS l(id, k) JOIN (VALUES (10, 'ten'), (CAST(NULL AS INT), 'none')) AS r(k, name) ON l.k = r.k;
--| +I[1, ten]

SELECT l.id, r.name FROM (VALUES (1, 10), (2, NULL)) AS l(id, k) JOIN (VALUES (10, 'ten'), (CAST(NULL AS INT), 'none')) AS r(k, name) ON l.k IS NOT DISTINCT FROM r.k;
--| +I[1, ten]
--| +I[2, none]
