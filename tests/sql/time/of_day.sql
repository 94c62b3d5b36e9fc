-- Times of day move around the clock by intervals.
SELECT TIME '10:00:00' + INTERVAL '90' MINUTE AS a, TIME '10:00:00' < TIME '10:00:01' AS b, CAST(TIMESTAMP '2024-01-01 10:20:30' AS TIME) AS c;
--| +I[11:30, true, 10:20:30]
