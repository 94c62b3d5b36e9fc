-- TRIM takes blanks or the given characters from the ends.
SELECT TRIM('  a b  ') AS t, TRIM(LEADING FROM '  a ') || '|' AS l, TRIM(TRAILING 'x' FROM 'xaxx') AS r, TRIM(BOTH 'x' FROM 'xxaxx') AS b, LTRIM('  a') AS lt, RTRIM('a  ') || '|' AS rt;
--| +I[a b, a |, xa, a, a, a|]
