-- By default they are counted and skipped.
CREATE TABLE orders (id INT, amount DECIMAL(10, 2), ts TIMESTAMP(3)) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,2.50,2024-11-11 00:00:00
2,x,2024-11-11 00:00:00
3,1.00
4,1.00,yesterday
5,1.00,2024-11-11 00:00:00
');
SELECT * FROM orders;
--| +I[1, 2.50, 2024-11-11T00:00]
--| +I[5, 1.00, 2024-11-11T00:00]

--| bad records: 3
