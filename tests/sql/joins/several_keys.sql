-- A join on several keys, and on expressions of them.
SELECT l.id, r.v FROM (VALUES (1, 'a', 2), (2, 'b', 3)) AS l(id, s, n) JOIN (VALUES ('A', 1, 'x'), ('B', 2, 'y'), ('B', 9, 'z')) AS r(s, n, v) ON UPPER(l.s) = r.s AND l.n - 1 = r.n;
--| +I[1, x]
--| +I[2, y]
