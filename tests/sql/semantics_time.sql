-- Times: TIMESTAMP has no zone, TIMESTAMP_LTZ is an instant that is shown in the session's.
SET 'table.local-time-zone' = 'Europe/Berlin';

-- 2024-03-31: at two o'clock clocks go forward to three. The instant 01:00 UTC is 03:00 there.
SELECT CAST(TO_TIMESTAMP_LTZ(1711843200000, 3) AS STRING) AS before_change, CAST(TO_TIMESTAMP_LTZ(1711846800000, 3) AS STRING) AS at_change;
--| +I[2024-03-31 01:00:00.000, 2024-03-31 03:00:00.000]

-- Days are 24 hours when added to a TIMESTAMP.
SELECT TIMESTAMP '2024-03-30 12:00:00' + INTERVAL '1' DAY AS t;
--| +I[2024-03-31T12:00]

-- A month added to the last day of a month ends at the last day of the next.
SELECT TIMESTAMP '2024-01-31 00:00:00' + INTERVAL '1' MONTH AS a, DATE '2023-01-31' + INTERVAL '1' MONTH AS b, DATE '2024-02-29' + INTERVAL '1' YEAR AS c;
--| +I[2024-02-29T00:00, 2023-02-28, 2025-02-28]

-- EXTRACT(WEEK) is ISO's, whose weeks begin on Monday; FLOOR(… TO WEEK) goes to Sunday, as Flink's.
SELECT EXTRACT(WEEK FROM DATE '2024-12-30') AS week, EXTRACT(DOW FROM DATE '2024-11-10') AS sunday, QUARTER(DATE '2024-11-11') AS q;
--| +I[1, 1, 4]

-- Differences count whole units.
SELECT TIMESTAMPDIFF(DAY, TIMESTAMP '2024-01-01 23:59:59', TIMESTAMP '2024-01-03 00:00:00') AS days, TIMESTAMPDIFF(HOUR, TIMESTAMP '2024-01-01 10:30:00', TIMESTAMP '2024-01-01 08:31:00') AS hours;
--| +I[1, -1]

-- Before 1970 nothing is different.
SELECT CAST(TIMESTAMP '1969-12-31 23:59:59.999' AS DATE) AS d, FLOOR(TIMESTAMP '1969-12-31 23:59:59.999' TO MINUTE) AS m;
--| +I[1969-12-31, 1969-12-31T23:59]
