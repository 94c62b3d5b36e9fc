-- A row with a NULL key is kept by an outer join, without a partner.
SELECT l.id, r.name FROM (VALUES (1, 10), (2, NULL)) AS l(id, k) LEFT JOIN (VALUES (10, 'ten'), (CAST(NULL AS INT), 'none')) AS r(k, name) ON l.k = r.k;
--| +I[1, ten]
--| +I[2, null]

SELECT l.id, r.name FROM (VALUES (1, 10), (2, NULL)) AS l(id, k) FULL JOIN (VALUES (10, 'ten'), (CAST(NULL AS INT), 'none')) AS r(k, name) ON l.k = r.k;
--| +I[1, ten]
--| +I[2, null]
--| +I[null, none]
