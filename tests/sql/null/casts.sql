-- A cast of NULL is NULL of that type; TRY_CAST makes NULL of what cannot be read.
SELECT CAST(CAST(NULL AS STRING) AS INT) AS a, TRY_CAST('x' AS INT) AS b, TRY_CAST('12' AS INT) AS c, TRY_CAST('2024-02-30' AS DATE) AS d;
--| +I[null, null, 12, null]
