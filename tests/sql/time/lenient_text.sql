-- Texts of times: digits may be left out where the place is clear; days that are none give NULL.
SELECT TO_TIMESTAMP('2024-02-30 00:00:00') AS a, TO_TIMESTAMP('2024-1-5 1:2:3') AS b, TO_DATE('2024-1-5') AS c, CAST('2024-01-05T10:00:00' AS TIMESTAMP(3)) AS d, TRY_CAST('24:00:00' AS TIME) AS e;
--| +I[null, 2024-01-05T01:02:03, 2024-01-05, 2024-01-05T10:00, null]
