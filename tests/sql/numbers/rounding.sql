-- ROUND goes half away from zero; FLOOR, CEIL and TRUNCATE to whole numbers.
SELECT x, ROUND(x) AS r, FLOOR(x) AS f, CEIL(x) AS c, TRUNCATE(x, 0) AS t FROM (VALUES (2.5), (-2.5), (0.5), (-0.4)) AS t(x);
--| +I[-0.4, 0, -1, 0, 0]
--| +I[-2.5, -3, -3, -2, -2]
--| +I[0.5, 1, 0, 1, 0]
--| +I[2.5, 3, 2, 3, 2]

SELECT ROUND(123.456, 1) AS a, ROUND(123.456, -1) AS b, ROUND(1250, -2) AS c, TRUNCATE(-1.29, 1) AS d;
--| +I[123.5, 120, 1300, -1.2]
