-- Parts of a time; weeks begin on Monday, days of the week count from Sunday as 1.
SELECT EXTRACT(YEAR FROM ts) AS y, EXTRACT(QUARTER FROM ts) AS q, EXTRACT(MONTH FROM ts) AS m, EXTRACT(WEEK FROM ts) AS w, EXTRACT(DAY FROM ts) AS d, EXTRACT(DOW FROM ts) AS dow, EXTRACT(DOY FROM ts) AS doy, EXTRACT(HOUR FROM ts) AS h, EXTRACT(SECOND FROM ts) AS s FROM (VALUES (TIMESTAMP '2024-12-30 23:59:58.500'), (TIMESTAMP '2024-02-29 00:00:00.000')) AS t(ts);
--| +I[2024, 1, 2, 9, 29, 5, 60, 0, 0]
--| +I[2024, 4, 12, 1, 30, 2, 365, 23, 58]
