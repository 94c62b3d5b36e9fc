-- The order of inner joins: what others refer to, and what is filtered, comes first; the rows are the same in any order.
CREATE TABLE items (order_id INT, part_id INT, price INT) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,100,5
+1,101,6
+2,100,7
+3,102,8
-1,101,6
+1,101,4
');
CREATE TABLE orders (id INT, customer INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,10
+2,10
+3,11
-3,11
+3,12
');
CREATE TABLE customers (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
10,ann
11,bob
12,cid
');
CREATE TABLE parts (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
100,bolt
101,nut
102,nail
');

EXPLAIN SELECT c.name, i.price FROM items i JOIN orders o ON i.order_id = o.id JOIN customers c ON o.customer = c.id;
--| Sink result (print) #7
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #6
--|       project: id = id@0, name = name@1, order_id = order_id@2, price = price@3
--|       project: name = name@1, price = price@3
--|       changelog: retract
--|     Join Inner #5
--|         on: (id) = (order_id)
--|         exchange: by hash of id and of order_id
--|         state: the rows of both sides, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|         changelog: retract
--|       Map #3
--|           project: id = id@0, customer = customer@1, id = id@2, name = name@3
--|           project: id = id@0, name = name@3
--|           changelog: retract
--|         Join Inner #2
--|             on: (customer) = (id)
--|             exchange: by hash of customer and of id
--|             state: the rows of both sides, kept for ever (warning: grows with the input; STATE_TTL bounds it)
--|             changelog: retract
--|           Source orders (inline) #0
--|               reads: id, customer
--|               watermark: none
--|               bad records: counted and skipped
--|               changelog: retract, one row for each id
--|           Source customers (inline) #1
--|               reads: id, name
--|               watermark: none
--|               bad records: counted and skipped
--|               changelog: append-only
--|       Source items (inline) #4
--|           reads: order_id, price
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: retract

SELECT c.name, p.name AS part, i.price FROM items i JOIN orders o ON i.order_id = o.id JOIN customers c ON o.customer = c.id
JOIN parts p ON i.part_id = p.id WHERE p.name <> 'nail';
--| +I[ann, bolt, 5]
--| +I[ann, bolt, 7]
--| +I[ann, nut, 4]

SELECT * FROM items i, parts p, orders o, customers c
WHERE i.part_id = p.id AND i.order_id = o.id AND o.customer = c.id AND c.name = 'ann' AND i.price + p.id > 104;
--| +I[1, 100, 5, 100, bolt, 1, 10, 10, ann]
--| +I[1, 101, 4, 101, nut, 1, 10, 10, ann]
--| +I[2, 100, 7, 100, bolt, 2, 10, 10, ann]

SELECT i.price, v.n FROM items i JOIN orders o ON i.order_id = o.id, (SELECT COUNT(*) AS n FROM customers) v WHERE i.price < v.n + 2;
--| +I[4, 3]

SET 'table.optimizer.join-reorder-enabled' = 'false';
SELECT c.name, p.name AS part, i.price FROM items i JOIN orders o ON i.order_id = o.id JOIN customers c ON o.customer = c.id
JOIN parts p ON i.part_id = p.id WHERE p.name <> 'nail';
--| +I[ann, bolt, 5]
--| +I[ann, bolt, 7]
--| +I[ann, nut, 4]

SET 'table.optimizer.join-reorder-enabled' = 'perhaps';
--| error: 'table.optimizer.join-reorder-enabled' = 'perhaps' is neither true nor false
--|  --> joins_order.sql:1:1
--|   |
--| 1 | SET 'table.optimizer.join-reorder-enabled' = 'perhaps';
--|   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: With 'false' joins are carried out in the order in which they are written.
