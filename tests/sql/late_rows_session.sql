-- A late row is kept when it joins a session that is still open [fixed-epochs]
SET 'sloth.epoch.max-rows' = '1';
SET 'sloth.epoch.max-in-flight' = '1';
CREATE TABLE visits (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2024-11-11 00:00:10
2,2024-11-11 00:00:18
3,2024-11-11 00:00:04
4,2024-11-11 00:00:40
5,2024-11-11 00:00:25
');

-- Row 3 by itself would end at 14 s, below the watermark of 18 s, but it touches the session of rows 1 and 2. Row 5 does not.
SELECT SESSION_START(ts, INTERVAL '10' SECOND) AS s, SESSION_END(ts, INTERVAL '10' SECOND) AS e, COUNT(*) AS n
FROM visits GROUP BY SESSION(ts, INTERVAL '10' SECOND);
--| +I[2024-11-11T00:00:04, 2024-11-11T00:00:28, 3]
--| +I[2024-11-11T00:00:40, 2024-11-11T00:00:50, 1]

--| late rows: 1
