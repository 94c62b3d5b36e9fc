-- A time zone whose clock goes forward and back: at 01:00 UTC on 2024-03-31 from 2 to 3.
SET 'table.local-time-zone' = 'Europe/Berlin';

CREATE TABLE events (id INT, millis BIGINT, at_ltz AS TO_TIMESTAMP_LTZ(millis, 3), WATERMARK FOR at_ltz AS at_ltz - INTERVAL '1' SECOND)
WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,1711845000000
2,1711846799999
3,1711846800000
4,1711848600000
');

SELECT id, CAST(at_ltz AS STRING) AS t, HOUR(at_ltz) AS h, CAST(TIMESTAMPADD(HOUR, 1, at_ltz) AS STRING) AS later, CAST(FLOOR(at_ltz TO DAY) AS STRING) AS d FROM events;
--| +I[1, 2024-03-31 01:30:00.000, 1, 2024-03-31 03:30:00.000, 2024-03-31 00:00:00.000]
--| +I[2, 2024-03-31 01:59:59.999, 1, 2024-03-31 03:59:59.999, 2024-03-31 00:00:00.000]
--| +I[3, 2024-03-31 03:00:00.000, 3, 2024-03-31 04:00:00.000, 2024-03-31 00:00:00.000]
--| +I[4, 2024-03-31 03:30:00.000, 3, 2024-03-31 04:30:00.000, 2024-03-31 00:00:00.000]

SELECT window_start, window_end, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(at_ltz), INTERVAL '30' MINUTE)) GROUP BY window_start, window_end;
--| +I[2024-03-31T01:30, 2024-03-31T03:00, 2]
--| +I[2024-03-31T03:00, 2024-03-31T03:30, 1]
--| +I[2024-03-31T03:30, 2024-03-31T04:00, 1]

-- Days of such a zone have no fixed length.
SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(at_ltz), INTERVAL '1' DAY)) GROUP BY window_start, window_end;
--| error: 'TUMBLE' with these lengths is not offered in a time zone whose clock goes forward and back
--|  --> time_zone_berlin.sql:2:47
--|   |
--| 2 | SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(at_ltz), INTERVAL '1' DAY)) GROUP BY window_start, wind...
--|   |                                               ^^^^^^
--|   |
--|   = help: Use lengths that divide an hour, or SET 'table.local-time-zone' to a fixed offset such as 'GMT+01:00'.

SELECT HOP_START(at_ltz, INTERVAL '1' HOUR, INTERVAL '1' DAY) AS s FROM events GROUP BY HOP(at_ltz, INTERVAL '1' HOUR, INTERVAL '1' DAY);
--| error: 'HOP' with these lengths is not offered in a time zone whose clock goes forward and back
--|  --> time_zone_berlin.sql:1:89
--|   |
--| 1 | SELECT HOP_START(at_ltz, INTERVAL '1' HOUR, INTERVAL '1' DAY) AS s FROM events GROUP BY HOP(at_ltz, INTERVAL '1' HOUR, INTERVAL '1' D...
--|   |                                                                                         ^^^
--|   |
--|   = help: Use lengths that divide an hour, or SET 'table.local-time-zone' to a fixed offset such as 'GMT+01:00'.
