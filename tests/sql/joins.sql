-- Joins of append-only inputs, and what follows from them.
CREATE TABLE orders (id INT, customer STRING, amount DECIMAL(10, 2)) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,ann,10.00
2,bob,5.50
3,ann,2.25
4,-,7.00
5,eve,1.00
');

CREATE TABLE customers (name STRING, city STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
ann,Rome
bob,Oslo
bob,Bergen
dan,Kyiv
-,Nowhere
');

SELECT o.id, c.city, o.amount FROM orders o JOIN customers c ON o.customer = c.name;
--| +I[1, Rome, 10.00]
--| +I[2, Bergen, 5.50]
--| +I[2, Oslo, 5.50]
--| +I[3, Rome, 2.25]

SELECT o.id, c.city FROM orders o LEFT JOIN customers c ON o.customer = c.name;
--| +I[1, Rome]
--| +I[2, Bergen]
--| +I[2, Oslo]
--| +I[3, Rome]
--| +I[4, null]
--| +I[5, null]

SELECT o.id, c.name, c.city FROM orders o RIGHT JOIN customers c ON o.customer = c.name;
--| +I[1, ann, Rome]
--| +I[2, bob, Bergen]
--| +I[2, bob, Oslo]
--| +I[3, ann, Rome]
--| +I[null, dan, Kyiv]
--| +I[null, null, Nowhere]

SELECT o.id, c.city FROM orders o FULL JOIN customers c ON o.customer = c.name;
--| +I[1, Rome]
--| +I[2, Bergen]
--| +I[2, Oslo]
--| +I[3, Rome]
--| +I[4, null]
--| +I[5, null]
--| +I[null, Kyiv]
--| +I[null, Nowhere]

SELECT o.id, c.city FROM orders o LEFT JOIN customers c ON o.customer = c.name AND o.amount > 6;
--| +I[1, Rome]
--| +I[2, null]
--| +I[3, null]
--| +I[4, null]
--| +I[5, null]

SELECT c.city, SUM(o.amount) AS total, COUNT(*) AS n FROM orders o JOIN customers c ON o.customer = c.name GROUP BY c.city;
--| +I[Bergen, 5.50, 1]
--| +I[Oslo, 5.50, 1]
--| +I[Rome, 12.25, 2]

SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM customers WHERE name = customer);
--| +I[1]
--| +I[2]
--| +I[3]

SELECT id FROM orders WHERE NOT EXISTS (SELECT 1 FROM customers WHERE name = customer);
--| +I[4]
--| +I[5]

SELECT id FROM orders WHERE customer IN (SELECT name FROM customers);
--| +I[1]
--| +I[2]
--| +I[3]

SELECT a.id, b.id FROM orders a JOIN orders b ON a.amount < b.amount;
--| +I[2, 1]
--| +I[2, 4]
--| +I[3, 1]
--| +I[3, 2]
--| +I[3, 4]
--| +I[4, 1]
--| +I[5, 1]
--| +I[5, 2]
--| +I[5, 3]
--| +I[5, 4]

SELECT id FROM orders WHERE amount > (SELECT AVG(amount) FROM orders);
--| +I[1]
--| +I[2]
--| +I[4]

-- Of neither side is a column needed: what is counted is rows.
SELECT COUNT(*) AS n FROM orders CROSS JOIN customers;
--| +I[25]

SELECT 'none' AS city FROM (VALUES (1)) AS one(x) WHERE NOT EXISTS (SELECT 1 FROM customers WHERE city = 'Lima');
--| +I[none]
