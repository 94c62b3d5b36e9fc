-- Whole numbers in other bases, and as bits.
SELECT BIN(10) AS b, HEX(255) AS h, BIT_AND(x) AS a, BIT_OR(x) AS o, BIT_XOR(x) AS x FROM (VALUES (12), (10)) AS t(x);
--| +I[1010, FF, 8, 14, 6]
