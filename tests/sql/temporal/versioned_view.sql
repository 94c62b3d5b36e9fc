-- A view of the last row of each key is a versioned table: as of any time it has the last row until then.
CREATE TABLE orders (id INT, price DECIMAL(5, 2), currency STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '3' HOUR) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,10.00,Yen,2024-11-11 10:12:00
2,20.00,Euro,2024-11-11 10:30:00
3,30.00,Euro,2024-11-11 11:30:00
4,40.00,Euro,2024-11-11 09:30:00
5,50.00,Mark,2024-11-11 11:30:00
');
CREATE TABLE rates_history (update_time TIMESTAMP(3), currency STRING, rate INT, WATERMARK FOR update_time AS update_time - INTERVAL '3' HOUR) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
2024-11-11 09:00:00,Dollar,102
2024-11-11 10:00:00,Euro,114
2024-11-11 09:00:00,Yen,1
2024-11-11 10:45:00,Euro,116
2024-11-11 11:15:00,Euro,119
2024-11-11 11:49:00,Pounds,108
');
CREATE VIEW versioned_rates AS
  SELECT currency, rate, update_time FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY currency ORDER BY update_time DESC) AS row_num FROM rates_history
  ) WHERE row_num = 1;

SELECT o.id, o.price, r.rate FROM orders AS o LEFT JOIN versioned_rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency;
--| +I[1, 10.00, 1]
--| +I[2, 20.00, 114]
--| +I[3, 30.00, 119]
--| +I[4, 40.00, null]
--| +I[5, 50.00, null]

SELECT o.id, r.rate, r.update_time FROM orders AS o JOIN versioned_rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency AND r.rate > 114;
--| +I[3, 119, 2024-11-11T11:15]

SELECT o.id, r.rate FROM orders AS o JOIN versioned_rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.id = r.rate;
--| error: the versions of a table whose rows replace each other are joined by something else than its PRIMARY KEY
--|  --> versioned_view.sql:1:63
--|   |
--| 1 | SELECT o.id, r.rate FROM orders AS o JOIN versioned_rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.id = r.rate;
--|   |                                                               ^^^^^^^^^^^
--|   |
--|   = help: Write ON left.key = right.key for each column of the PRIMARY KEY.

CREATE VIEW dear AS SELECT * FROM versioned_rates WHERE rate > 114;

SELECT o.id, r.rate FROM orders AS o JOIN dear FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency;
--| error: the versioned table has no event time
--|  --> versioned_view.sql:1:52
--|   |
--| 1 | SELECT o.id, r.rate FROM orders AS o JOIN dear FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency;
--|   |                                                    ^^^^^^^^^^^
--|   |
--|   = help: Declare WATERMARK FOR its time column: it says from when a row is valid.
