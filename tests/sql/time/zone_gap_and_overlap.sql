-- The hour that the clock leaves out, and the one that it repeats.
SET 'table.local-time-zone' = 'Europe/Berlin';

SELECT x, CAST(TO_TIMESTAMP_LTZ(x, 0) AS STRING) AS local_ FROM (VALUES (1711846799), (1711846800), (1729987199), (1729987200), (1729990800)) AS t(x);
--| +I[1711846799, 2024-03-31 01:59:59.000]
--| +I[1711846800, 2024-03-31 03:00:00.000]
--| +I[1729987199, 2024-10-27 01:59:59.000]
--| +I[1729987200, 2024-10-27 02:00:00.000]
--| +I[1729990800, 2024-10-27 02:00:00.000]
