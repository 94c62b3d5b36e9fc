-- NTILE gives the first tiles one row more where it does not divide.
SELECT id, NTILE(3) OVER (ORDER BY id) AS tile FROM (VALUES (1), (2), (3), (4), (5)) AS t(id);
--| +I[1, 1]
--| +I[2, 1]
--| +I[3, 2]
--| +I[4, 2]
--| +I[5, 3]
