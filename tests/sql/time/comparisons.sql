-- Dates compare with timestamps as the beginning of the day.
SELECT DATE '2024-01-01' = TIMESTAMP '2024-01-01 00:00:00' AS a, DATE '2024-01-01' < TIMESTAMP '2024-01-01 00:00:01' AS b, TIMESTAMP '2024-01-01 00:00:00.001' > TIMESTAMP '2024-01-01 00:00:00' AS c, DATE '2024-01-31' BETWEEN DATE '2024-01-01' AND DATE '2024-01-31' AS d;
--| +I[true, true, true, true]
