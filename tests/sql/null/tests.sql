-- IS TRUE, IS NOT FALSE and their like give true or false, never NULL.
SELECT a, a IS TRUE AS t, a IS NOT TRUE AS nt, a IS FALSE AS f, a IS NOT FALSE AS nf, a IS UNKNOWN AS u, a IS NOT UNKNOWN AS nu FROM (VALUES (TRUE), (FALSE), (NULL)) AS t(a);
--| +I[false, false, true, true, false, false, true]
--| +I[null, false, true, false, true, true, false]
--| +I[true, true, false, false, true, false, true]
