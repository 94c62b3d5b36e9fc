-- A comparison with NULL is unknown; IS DISTINCT FROM knows.
SELECT a, b, a = b AS eq, a <> b AS ne, a < b AS lt, a IS DISTINCT FROM b AS dif, a IS NOT DISTINCT FROM b AS same FROM (VALUES (1, 1), (1, 2), (1, NULL), (NULL, NULL)) AS t(a, b);
--| +I[1, 1, true, false, false, false, true]
--| +I[1, 2, false, true, true, true, false]
--| +I[1, null, null, null, null, true, false]
--| +I[null, null, null, null, null, false, true]
