-- REVERSE and REPEAT go by characters.
SELECT REVERSE('añb😀') AS r, REPEAT('ab', 3) AS p, REPEAT('ab', 0) || '|' AS z;
--| +I[😀bña, ababab, |]
