-- A local time becomes an instant by the zone of the session.
SET 'table.local-time-zone' = 'Asia/Kolkata';

SELECT CAST(TIMESTAMP '2024-06-01 05:30:00' AS TIMESTAMP_LTZ(3)) = TO_TIMESTAMP_LTZ(1717200000, 0) AS same, UNIX_TIMESTAMP('2024-06-01 05:30:00') AS secs, FROM_UNIXTIME(1717200000) AS back, CONVERT_TZ('2024-06-01 00:00:00', 'UTC', 'America/New_York') AS ny;
--| +I[true, 1717200000, 2024-06-01 05:30:00, 2024-05-31 20:00:00]
