-- POSITION and LOCATE count from 1; 0 when there is none; an empty text is at the first place.
SELECT POSITION('l' IN 'hello') AS a, POSITION('x' IN 'hello') AS b, LOCATE('l', 'hello', 4) AS c, POSITION('' IN 'hello') AS d, POSITION('語' IN '日本語') AS e;
--| +I[3, 0, 4, 1, 3]
