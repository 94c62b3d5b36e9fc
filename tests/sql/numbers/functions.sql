-- Powers, logarithms and signs.
SELECT POWER(2, 10) AS p, SQRT(2.25) AS s, EXP(0) AS e, LN(1) AS l, LOG10(1000) AS t, LOG2(8) AS b, SIGN(-3) AS g, ABS(-2.5) AS a;
--| +I[1024.0, 1.5, 1.0, 0.0, 3.0, 3.0, -1, 2.5]
