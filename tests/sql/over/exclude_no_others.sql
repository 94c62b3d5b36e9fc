-- EXCLUDE NO OTHERS is what a frame without EXCLUDE means; to exclude rows is refused.
SELECT id, SUM(x) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE NO OTHERS) AS s FROM (VALUES (1, 1), (2, 2), (3, 4)) AS t(id, x);
--| +I[1, 3]
--| +I[2, 7]
--| +I[3, 6]

SELECT id, SUM(x) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) AS s FROM (VALUES (1, 1), (2, 2), (3, 4)) AS t(id, x);
--| error: EXCLUDE in the frame of an OVER window
--|  --> exclude_no_others.sql:1:78
--|   |
--| 1 | SELECT id, SUM(x) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) AS s FROM (VALUES (1, 1), (2, 2), (...
--|   |                                                                              ^^^^^^^
--|   |
--|   = help: Take the row out yourself: SUM(x) OVER (…) - x, COUNT(*) OVER (…) - 1, or a join of the table with itself.
