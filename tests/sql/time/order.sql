-- Times order by their instant, dates and times of day, too.
SELECT MIN(d) AS a, MAX(d) AS b, MIN(t) AS c, MAX(t) AS e FROM (VALUES (DATE '2024-02-01', TIME '10:00:00'), (DATE '2023-12-31', TIME '09:59:59')) AS x(d, t);
--| +I[2023-12-31, 2024-02-01, 09:59:59, 10:00]
