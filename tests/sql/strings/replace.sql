-- REPLACE replaces all occurrences, TRANSLATE single characters, OVERLAY a place.
SELECT REPLACE('aXbXc', 'X', '--') AS r, TRANSLATE('abcde', 'ace', '12') AS t, OVERLAY('abcdef' PLACING '--' FROM 3 FOR 2) AS o, OVERLAY('abcdef' PLACING 'xyz' FROM 2) AS p;
--| +I[a--b--c, 1b2d, ab--ef, axyzef]
