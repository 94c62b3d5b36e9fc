-- Joins that read the same rows by the same key hold them once: see EXPLAIN's Arrange.
CREATE TABLE orders (id INT, customer INT, product INT, price INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'retract', 'data' = '
+1,10,100,5
+2,10,101,7
+3,11,100,9
+4,-,100,1
-2,10,101,7
+2,10,101,8
');
CREATE TABLE customers (id INT, name STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+10,ann
+11,bob
-11,bob
+11,bea
+12,cid
');
CREATE TABLE payments (order_id INT, customer INT, paid INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,10,5
2,10,1
3,11,9
');
CREATE TABLE by_name (name STRING, price INT) WITH ('connector' = 'print');
CREATE TABLE paid (customer INT, product INT, paid INT) WITH ('connector' = 'print');
CREATE TABLE without_order (name STRING) WITH ('connector' = 'print');
CREATE TABLE side_by_side (one INT, other INT) WITH ('connector' = 'print');

EXECUTE STATEMENT SET BEGIN
INSERT INTO by_name SELECT c.name, o.price FROM orders o JOIN customers c ON o.customer = c.id;
INSERT INTO paid SELECT o.customer, o.product, p.paid FROM orders o LEFT JOIN payments p ON o.customer = p.customer;
INSERT INTO without_order SELECT name FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id);
INSERT INTO side_by_side SELECT a.id, b.id FROM orders a JOIN orders b ON a.customer = b.customer WHERE a.id < b.id;
END;
--| by_name:
--| +I[ann, 5]
--| +I[ann, 8]
--| +I[bea, 9]
--| paid:
--| +I[10, 100, 1]
--| +I[10, 100, 5]
--| +I[10, 101, 1]
--| +I[10, 101, 5]
--| +I[11, 100, 9]
--| +I[null, 100, null]
--| without_order:
--| +I[cid]
--| side_by_side:
--| +I[1, 2]

EXPLAIN STATEMENT SET BEGIN
INSERT INTO by_name SELECT c.name, o.price FROM orders o JOIN customers c ON o.customer = c.id;
INSERT INTO paid SELECT o.customer, o.product, p.paid FROM orders o LEFT JOIN payments p ON o.customer = p.customer;
END;
--| Sink by_name (print) #7
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #6
--|       project: customer = customer@0, price = price@1, id = id@2, name = name@3
--|       project: name = name@3, price = price@1
--|       changelog: retract
--|     Join Inner #5
--|         on: (customer) = (id)
--|         exchange: by hash of customer and of id
--|         state: the rows of the right side (warning: grows with the input); left rows are in #3
--|         changelog: retract
--|       Map #4
--|           project: customer = customer@0, price = price@1
--|           changelog: retract
--|         Arrange by customer #3
--|             exchange: by hash of customer
--|             read by: the joins #5, #10
--|             state: the rows, once for all of them, kept for ever (warning: grows with the input)
--|             changelog: retract
--|           Map #2
--|               project: customer = customer@0, price = price@2, product = product@1
--|               changelog: retract
--|             Source orders (inline) #0
--|                 reads: customer, product, price
--|                 watermark: none
--|                 bad records: counted and skipped
--|                 changelog: retract
--|       Source customers (inline) #1
--|           reads: id, name
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: retract
--| Sink paid (print) #12
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #11
--|       project: customer = customer@0, product = product@1, customer = customer@2, paid = paid@3
--|       project: customer = customer@0, product = product@1, paid = paid@3
--|       changelog: retract
--|     Join Left #10
--|         on: (customer) = (customer)
--|         exchange: by hash of customer and of customer
--|         state: the rows of the right side (warning: grows with the input); left rows are in #3
--|         changelog: retract
--|       Map #9
--|           project: customer = customer@0, product = product@2
--|           changelog: retract
--|         #3 (see above)
--|       Source payments (inline) #8
--|           reads: customer, paid
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only

EXPLAIN SELECT a.id, b.id FROM orders a JOIN orders b ON a.customer = b.customer WHERE a.price < b.price;
--| Sink result (print) #4
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: id = id@0, customer = customer@1, price = price@2, id = id@3, customer = customer@4, price = price@5
--|       project: id = id@0, id0 = id@3
--|       changelog: retract
--|     Join Inner #2
--|         on: (customer) = (customer)
--|         and: price@5 > price@2
--|         exchange: by hash of customer and of customer
--|         state: none; left rows are in #1, right rows in #1
--|         changelog: retract
--|       Arrange by customer #1
--|           exchange: by hash of customer
--|           read by: the joins #2
--|           state: the rows, once for all of them, kept for ever (warning: grows with the input)
--|           changelog: retract
--|         Source orders (inline) #0
--|             reads: id, customer, price
--|             watermark: none
--|             bad records: counted and skipped
--|             changelog: retract
--|       #1 (see above)
