-- LPAD and RPAD fill up or cut to a length in characters.
SELECT LPAD('7', 3, '0') AS a, RPAD('ab', 5, 'xy') AS b, LPAD('abcdef', 3, '0') AS c, LPAD('ä', 3, '日') AS d, LPAD('a', 3, '') AS e;
--| +I[007, abxyx, abc, 日日ä, null]
