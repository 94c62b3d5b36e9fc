-- AND, OR and NOT with three values.
SELECT a, b, a AND b AS both_, a OR b AS either, NOT a AS no FROM (VALUES (TRUE, TRUE), (TRUE, FALSE), (TRUE, NULL), (FALSE, FALSE), (FALSE, NULL), (NULL, NULL)) AS t(a, b);
--| +I[false, false, false, false, true]
--| +I[false, null, false, null, true]
--| +I[null, null, null, null, null]
--| +I[true, false, false, true, false]
--| +I[true, null, null, true, false]
--| +I[true, true, true, true, false]
