-- IN as a value is NULL where it is unknown.
SELECT x, x IN (1, NULL) AS in_list, x IN (SELECT y FROM (VALUES (1), (NULL)) AS u(y)) AS in_rows, x IN (SELECT y FROM (VALUES (1)) AS u(y)) AS in_one FROM (VALUES (1), (2), (NULL)) AS t(x);
--| +I[1, true, true, true]
--| +I[2, null, null, false]
--| +I[null, null, null, null]
