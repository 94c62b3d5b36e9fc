-- Whether a row is among others as a value: true, false, or unknown.
SELECT a, b, (a, b) IN (SELECT x, y FROM (VALUES (1, 1), (2, NULL)) AS u(x, y)) AS is_in, (a, b) NOT IN (SELECT x, y FROM (VALUES (1, 1), (2, NULL)) AS u(x, y)) AS not_in FROM (VALUES (1, 1), (1, 2), (2, 5), (NULL, 1), (3, NULL)) AS t(a, b);
--| +I[1, 1, true, false]
--| +I[1, 2, false, true]
--| +I[2, 5, null, null]
--| +I[3, null, false, true]
--| +I[null, 1, null, null]
