-- Windows over instants show the local time of the session, and begin with its hours.
SET 'table.local-time-zone' = 'America/New_York';
CREATE TABLE t (id INT, ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'inline', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601', 'data' = '
{"id": 1, "ts": "2024-01-15T04:59:59Z"}
{"id": 2, "ts": "2024-01-15T05:00:00Z"}
{"id": 3, "ts": "2024-01-16T04:59:59Z"}
');

SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;
--| +I[2024-01-14T23:00, 1]
--| +I[2024-01-15T00:00, 1]
--| +I[2024-01-15T23:00, 1]
