-- Texts compare by their characters' codes: capitals before small letters, no blanks are left out.
SELECT 'a' < 'b' AS a, 'B' < 'a' AS b, 'a' = 'a ' AS c, 'Z' < 'ä' AS d, '10' < '9' AS e;
--| +I[true, true, false, true, true]
