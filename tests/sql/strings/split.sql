-- SPLIT_INDEX counts from 0 and is NULL outside; empty parts are there.
SELECT SPLIT_INDEX('a,b,,d', ',', 0) AS a, SPLIT_INDEX('a,b,,d', ',', 2) AS b, SPLIT_INDEX('a,b,,d', ',', 9) AS c, SPLIT('a,b,,d', ',') AS d;
--| +I[a, , null, [a, b, , d]]
