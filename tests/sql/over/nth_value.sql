-- FIRST_VALUE, LAST_VALUE and NTH_VALUE of the frame: the default frame ends with the row.
SELECT id, FIRST_VALUE(id) OVER (ORDER BY id) AS f, LAST_VALUE(id) OVER (ORDER BY id) AS l, NTH_VALUE(id, 2) OVER (ORDER BY id) AS n, LAST_VALUE(id) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last_ FROM (VALUES (1), (2), (3)) AS t(id);
--| +I[1, 1, 1, null, 3]
--| +I[2, 1, 2, 2, 3]
--| +I[3, 1, 3, 2, 3]
