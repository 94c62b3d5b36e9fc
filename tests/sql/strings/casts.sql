-- Texts become values when they are casts of them, also with blanks around numbers.
SELECT CAST('true' AS BOOLEAN) AS a, CAST(' 12 ' AS INT) AS b, CAST('2024-01-31' AS DATE) AS c, CAST('2024-01-31 10:20:30' AS TIMESTAMP(3)) AS d, CAST(1.5e0 AS STRING) AS e, CAST(FALSE AS STRING) AS f;
--| +I[true, 12, 2024-01-31, 2024-01-31T10:20:30, 1.5, FALSE]
