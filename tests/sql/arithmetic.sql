-- Integer division cuts toward zero, MOD takes the sign of the dividend.
SELECT 7 / 2 AS a, -7 / 2 AS b, 7 % 3 AS c, -7 % 3 AS d, MOD(7, -3) AS e;
--| +I[3, -3, 1, -1, 1]

-- With a DOUBLE the division is one of floating point.
SELECT CAST(7 AS DOUBLE) / 2 AS a, 7 / CAST(2 AS DOUBLE) AS b, 1e0 / 3 AS c;
--| +I[3.5, 3.5, 0.3333333333333333]

SELECT ABS(-3) AS a, SIGN(-2.5) AS b, POWER(2, 10) AS c, SQRT(CAST(2 AS DOUBLE)) AS d, EXP(CAST(0 AS DOUBLE)) AS e, LN(CAST(1 AS DOUBLE)) AS f;
--| +I[3, -1.0, 1024.0, 1.4142135623730951, 1.0, 0.0]

SELECT ROUND(2.5) AS a, ROUND(-2.5) AS b, ROUND(3.14159, 2) AS c, FLOOR(2.7) AS d, CEIL(2.1) AS e, FLOOR(-2.7) AS f, TRUNCATE(3.789, 1) AS g;
--| +I[3, -3, 3.14, 2, 3, -3, 3.7]

SELECT 2 + 3 * 4 AS a, (2 + 3) * 4 AS b, -2 * -3 AS c;
--| +I[14, 20, 6]

-- BIGINT does not become a floating-point number on the way.
SELECT 9007199254740993 + 1 AS a, CAST(9223372036854775807 AS BIGINT) AS b;
--| +I[9007199254740994, 9223372036854775807]

SELECT CAST(1 AS TINYINT) + CAST(2 AS SMALLINT) AS a, CAST(200 AS SMALLINT) * CAST(2 AS SMALLINT) AS b;
--| +I[3, 400]
