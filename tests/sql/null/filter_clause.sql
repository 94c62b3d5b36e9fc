-- FILTER counts rows for which the condition is true; unknown is not.
SELECT COUNT(*) FILTER (WHERE x > 1) AS more, COUNT(*) FILTER (WHERE NOT x > 1) AS not_more, COUNT(*) AS all_ FROM (VALUES (1), (2), (NULL)) AS t(x);
--| +I[1, 1, 3]
