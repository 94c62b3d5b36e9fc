-- NULL is neither true nor false.
SELECT NULL AND TRUE AS a, NULL AND FALSE AS b, NULL OR TRUE AS c, NULL OR FALSE AS d, NOT CAST(NULL AS BOOLEAN) AS e;
--| +I[null, false, true, null, null]

SELECT NULL = NULL AS a, NULL <> 1 AS b, CAST(NULL AS INT) IS NULL AS c, 1 IS NOT NULL AS d;
--| +I[null, null, true, true]

SELECT 1 IS DISTINCT FROM NULL AS a, CAST(NULL AS INT) IS NOT DISTINCT FROM NULL AS b;
--| +I[true, true]

SELECT CAST(NULL AS BOOLEAN) IS TRUE AS a, CAST(NULL AS BOOLEAN) IS NOT TRUE AS b, FALSE IS FALSE AS c, CAST(NULL AS BOOLEAN) IS UNKNOWN AS d;
--| +I[false, true, true, true]

SELECT 1 + CAST(NULL AS INT) AS a, 'x' || CAST(NULL AS STRING) AS b, COALESCE(NULL, NULL, 3) AS c, NULLIF(1, 1) AS d, NULLIF(1, 2) AS e;
--| +I[null, null, 3, null, 1]

-- IN with a NULL: true when found, else NULL.
SELECT 1 IN (1, NULL) AS a, 2 IN (1, NULL) AS b, 2 NOT IN (1, NULL) AS c;
--| +I[true, null, null]

-- Aggregates leave NULL out; COUNT(*) does not.
SELECT COUNT(*) AS a, COUNT(x) AS b, SUM(x) AS c, AVG(x) AS d, MIN(x) AS e, MAX(x) AS f FROM (VALUES (1), (NULL), (3)) AS t(x);
--| +I[3, 2, 4, 2, 1, 3]

-- Without keys and without rows nothing is said, as in Flink's streaming mode.
SELECT COUNT(*) AS a, COUNT(x) AS b, SUM(x) AS c, MAX(x) AS d FROM (VALUES (1), (NULL)) AS t(x) WHERE x > 5;
--| +I[0, 0, null, null]

SELECT COUNT(*) AS a, COUNT(x) AS b, SUM(x) AS c, MAX(x) AS d FROM (VALUES (CAST(NULL AS INT))) AS t(x);
--| +I[1, 0, null, null]

-- NULL is a group of its own.
SELECT k, COUNT(*) FROM (VALUES ('a', 1), (NULL, 2), (NULL, 3)) AS t(k, x) GROUP BY k;
--| +I[a, 1]
--| +I[null, 2]
