-- The difference of two times is compared as a length of time: 31 days are more than one.
CREATE TABLE t (id INT, d DOUBLE, f FLOAT, n INT, ts TIMESTAMP(3), s TIMESTAMP(3)) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '~', 'scan.changelog' = 'retract', 'data' = '
+1,-0.0,-0.0,1,2024-01-31 10:00:00,2024-01-31 09:00:00
+2,0,0,-2147483648,2024-01-31 10:00:00,2023-01-31 09:00:00
+3,NaN,NaN,3,2024-01-31 10:00:00,2024-02-01 11:00:00
+4,NaN,NaN,3,~,2024-02-01 11:00:00
+5,-0.0,1.5,7,2024-01-31 10:00:00,2024-01-31 10:00:00
-5,-0.0,1.5,7,2024-01-31 10:00:00,2024-01-31 10:00:00
');

SELECT id FROM t WHERE ts - s < INTERVAL '1' DAY;
--| +I[1]
--| +I[3]

SELECT id FROM t WHERE ts - s BETWEEN INTERVAL '0' SECOND AND INTERVAL '2' HOUR;
--| +I[1]

SELECT id FROM t WHERE INTERVAL '10' DAY <= ts - s;
--| +I[2]

SELECT id, ts - s AS x FROM t;
--| error: a result cannot hold an interval
--|  --> semantics_durations.sql:1:1
--|   |
--| 1 | SELECT id, ts - s AS x FROM t;
--|   | ^^^^^^
--|   |
--|   = help: Write TIMESTAMPDIFF(SECOND, earlier, later) for the difference of two times.

SELECT (TIMESTAMP '2024-01-01 00:00:00', TIMESTAMP '2024-01-02 00:00:00') OVERLAPS (TIMESTAMP '2024-01-01 12:00:00', INTERVAL '1' HOUR) AS o, (DATE '2024-01-05', DATE '2024-01-01') OVERLAPS (DATE '2024-01-06', DATE '2024-01-07') AS p;
--| +I[true, false]

SELECT a.id, b.id FROM t a JOIN t b ON a.ts - b.ts < INTERVAL '1' DAY AND a.ts - b.ts >= INTERVAL '0' DAY AND a.id <> b.id;
--| +I[1, 2]
--| +I[1, 3]
--| +I[2, 1]
--| +I[2, 3]
--| +I[3, 1]
--| +I[3, 2]
