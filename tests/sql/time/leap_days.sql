-- The 29th of February is there every four years, but not in 2100.
SELECT TRY_CAST('2024-02-29' AS DATE) AS a, TRY_CAST('2023-02-29' AS DATE) AS b, TRY_CAST('2100-02-29' AS DATE) AS c, TRY_CAST('2000-02-29' AS DATE) AS d, EXTRACT(DOY FROM DATE '2024-12-31') AS e;
--| +I[2024-02-29, null, null, 2000-02-29, 366]
