-- The left side of AND and OR guards the right one: what could fail there is not asked where the left side decides.

CREATE TABLE t (a INT, b INT, s STRING) WITH ('connector' = 'inline', 'format' = 'json', 'data' = '
{"a": 4, "b": 2, "s": "7"}
{"a": 4, "b": 0, "s": "x"}
{"a": 6, "b": 2, "s": "1"}
{"a": 1, "b": null, "s": null}
');

SELECT a, b FROM t WHERE b <> 0 AND a / b > 1;
--| +I[4, 2]
--| +I[6, 2]

SELECT a, b, b = 0 OR a / b > 2 AS either FROM t;
--| +I[1, null, null]
--| +I[4, 0, true]
--| +I[4, 2, false]
--| +I[6, 2, true]

-- NULL decides nothing, so the right side is asked, which is NULL here too.
SELECT a, b, b <> 0 AND a / b > 1 AS both FROM t WHERE b IS NULL;
--| +I[1, null, null]

-- Guards of guards, and casts that fail.
SELECT s FROM t WHERE s IS NOT NULL AND s <> 'x' AND CAST(s AS INT) > 1;
--| +I[7]

SELECT a, b FROM t WHERE b IS NOT NULL AND (b = 0 OR a / b = 3);
--| +I[4, 0]
--| +I[6, 2]

-- All rows are decided, or none.
SELECT a FROM t WHERE a > 100 AND a / 0 > 1;

SELECT a FROM t WHERE a > 0 AND 12 / a > 3;
--| +I[1]

-- The filter of an aggregate guards what it adds up.
SELECT SUM(a / b) FILTER (WHERE b <> 0) AS quotients FROM t;
--| +I[5]

-- The other condition of a join.
SELECT l.a, r.b FROM t AS l JOIN t AS r ON l.a = r.a AND r.b <> 0 AND l.a / r.b > 1;
--| +I[4, 2]
--| +I[4, 2]
--| +I[6, 2]

-- What stands in a condition twice is computed once, and guarded all the same.
SELECT a, b FROM t WHERE b <> 0 AND a / b BETWEEN 2 AND 3;
--| +I[4, 2]
--| +I[6, 2]

SELECT a, b FROM t WHERE a * 2 BETWEEN 7 AND 9 OR a * 2 = 12;
--| +I[4, 0]
--| +I[4, 2]
--| +I[6, 2]
