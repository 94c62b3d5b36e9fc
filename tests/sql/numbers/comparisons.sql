-- Numbers of different types compare by value.
SELECT 1 = 1.0 AS a, 1.0 = 1e0 AS b, 0.1 = 0.1e0 AS c, 9007199254740993 = 9007199254740992e0 AS d, 2 > 1.5 AS e;
--| +I[true, true, true, true, true]
