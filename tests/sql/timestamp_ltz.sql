-- TIMESTAMP_LTZ is an instant; print shows it in UTC.
CREATE TABLE events (id INT, millis BIGINT, at_ltz AS TO_TIMESTAMP_LTZ(millis, 3), WATERMARK FOR at_ltz AS at_ltz - INTERVAL '1' SECOND)
WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,1731283200000
2,1731286799999
3,1731286800000
');

SELECT id, at_ltz FROM events;
--| +I[1, 2024-11-11T00:00:00Z]
--| +I[2, 2024-11-11T00:59:59.999Z]
--| +I[3, 2024-11-11T01:00:00Z]

SELECT TUMBLE_ROWTIME(at_ltz, INTERVAL '1' HOUR) AS r, COUNT(*) AS n FROM events GROUP BY TUMBLE(at_ltz, INTERVAL '1' HOUR);
--| +I[2024-11-11T00:59:59.999Z, 2]
--| +I[2024-11-11T01:59:59.999Z, 1]
