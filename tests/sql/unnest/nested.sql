-- An array of arrays is unnested twice.
SELECT x FROM (VALUES (ARRAY[ARRAY[1, 2], ARRAY[3]])) AS t(a) CROSS JOIN UNNEST(a) AS u(b) CROSS JOIN UNNEST(b) AS v(x);
--| +I[1]
--| +I[2]
--| +I[3]
