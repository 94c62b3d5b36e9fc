-- Logarithms, powers and roots outside of their range.
SELECT LOG(2, 8) AS a, LOG(10) AS b, LN(0e0) AS c, SQRT(-1e0) AS d, EXP(1000e0) AS e, POWER(2, -1) AS f;
--| +I[3.0, 2.302585092994046, -Infinity, NaN, Infinity, 0.5]
