-- A row that is taken back takes back all that was unnested of it.
CREATE TABLE t (id INT, s STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.field-delimiter' = ';', 'scan.changelog' = 'retract', 'data' = '
+1;a,b
+2;c
-1;a,b
');

SELECT id, w FROM t CROSS JOIN UNNEST(SPLIT(s, ',')) AS u(w);
--| +I[2, c]
