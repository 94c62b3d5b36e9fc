-- The same instant in winter and summer time: an hour apart on the clock of Berlin.
SET 'table.local-time-zone' = 'Europe/Berlin';

SELECT CAST(TO_TIMESTAMP_LTZ(x, 3) AS TIMESTAMP(3)) AS local_, TO_TIMESTAMP_LTZ(x, 3) AS shown FROM (VALUES (1704067200000), (1719792000000)) AS t(x);
--| +I[2024-01-01T01:00, 2024-01-01T00:00:00Z]
--| +I[2024-07-01T02:00, 2024-07-01T00:00:00Z]
