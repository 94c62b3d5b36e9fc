-- How long state is kept that no watermark frees. (The clock stands still here, so nothing is forgotten.)
CREATE TABLE orders (id INT, customer STRING, amount INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
1,ann,10
2,bob,20
3,ann,30
');
CREATE TABLE shipments (order_id INT, carrier STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'scan.changelog' = 'retract', 'data' = '
+1,post
+3,rail
-3,rail
+3,road
');

-- Each input of a join has its own lifetime.
SELECT /*+ STATE_TTL('o' = '1 d', 'shipments' = '12 h') */ o.id, o.amount, shipments.carrier FROM orders AS o JOIN shipments ON o.id = shipments.order_id;
--| +I[1, 10, post]
--| +I[3, 30, road]

EXPLAIN SELECT /*+ STATE_TTL('o' = '1 d', 'shipments' = '12 h') */ o.id, o.amount, shipments.carrier FROM orders AS o JOIN shipments ON o.id = shipments.order_id;
--| Sink result (print) #4
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: id = id@0, amount = amount@1, order_id = order_id@2, carrier = carrier@3
--|       project: id = id@0, amount = amount@1, carrier = carrier@3
--|       changelog: retract
--|     Join Inner #2
--|         on: (id) = (order_id)
--|         exchange: by hash of id and of order_id
--|         state: left rows forgotten 1 d after they came, right rows forgotten 12 h after they came
--|         changelog: retract
--|       Source orders (inline) #0
--|           reads: id, amount
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only
--|       Source shipments (inline) #1
--|           reads: order_id, carrier
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: retract

SELECT /*+ STATE_TTL('orders' = '3 d') */ customer, SUM(amount) AS total FROM orders GROUP BY customer;
--| +I[ann, 40]
--| +I[bob, 20]

EXPLAIN SELECT /*+ STATE_TTL('orders' = '3 d') */ customer, SUM(amount) AS total FROM orders GROUP BY customer;
--| Sink result (print) #4
--|     changelog: retract, one row for each customer
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: customer = customer@0, sum(orders.amount) = sum(orders.amount)@1
--|       project: customer = customer@0, total = sum(orders.amount)@1
--|       changelog: retract, one row for each customer
--|     GroupAggregate by customer #2
--|         computes: sum(orders.amount)
--|         exchange: by hash of customer, after a local aggregation
--|         emits the changed groups of every epoch
--|         state: one entry per key, forgotten 3 d after its last change
--|         changelog: retract, one row for each customer
--|       Source orders (inline) #0
--|           reads: customer, amount
--|           project: customer = customer@0, c1 = amount@1
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only

-- The setting holds for all that has no hint.
SET 'table.exec.state.ttl' = '36 h';
EXPLAIN SELECT /*+ STATE_TTL('o' = '0 s') */ o.customer, s.carrier, COUNT(*) AS n FROM orders AS o JOIN shipments AS s ON o.id = s.order_id GROUP BY o.customer, s.carrier;
--| Sink result (print) #6
--|     changelog: retract, one row for each customer, carrier
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #5
--|       project: customer = customer@0, carrier = carrier@1, count(*) = count(*)@2
--|       project: customer = customer@0, carrier = carrier@1, n = count(*)@2
--|       changelog: retract, one row for each customer, carrier
--|     GroupAggregate by customer, carrier #4
--|         computes: count(*)
--|         exchange: by hash of customer, carrier, after a local aggregation
--|         emits the changed groups of every epoch
--|         state: one entry per key, forgotten 36 h after its last change
--|         changelog: retract, one row for each customer, carrier
--|       Map #3
--|           project: id = id@0, customer = customer@1, order_id = order_id@2, carrier = carrier@3
--|           project: customer = customer@1, carrier = carrier@3
--|           project: customer = customer@0, carrier = carrier@1
--|           changelog: retract
--|         Join Inner #2
--|             on: (id) = (order_id)
--|             exchange: by hash of id and of order_id
--|             state: left rows kept for ever (warning: grow with the input), right rows forgotten 36 h after they came
--|             changelog: retract
--|           Source orders (inline) #0
--|               reads: id, customer
--|               watermark: none
--|               bad records: counted and skipped
--|               changelog: append-only
--|           Source shipments (inline) #1
--|               reads: order_id, carrier
--|               watermark: none
--|               bad records: counted and skipped
--|               changelog: retract

-- First rows, and the state that is left.
SELECT id, customer, amount FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY id) AS rn FROM orders) WHERE rn = 1;
--| +I[1, ann, 10]
--| +I[2, bob, 20]

EXPLAIN SELECT id, customer, amount FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY id) AS rn FROM orders) WHERE rn = 1;
--| Sink result (print) #3
--|     changelog: retract, one row for each customer
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #2
--|       project: id = id@0, customer = customer@1, amount = amount@2
--|       project: id = id@0, customer = customer@1, amount = amount@2
--|       changelog: retract, one row for each customer
--|     Rank ROW_NUMBER = 1 by customer #1
--|         exchange: by hash of customer
--|         order: id, then the other columns
--|         before the exchange: of each batch only rows that are first in it
--|         emits the changes within the range of every epoch
--|         state: the first row of each partition; forgotten 36 h after the partition's last change
--|         changelog: retract, one row for each customer
--|       Source orders (inline) #0
--|           reads: id, customer, amount
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only

RESET 'table.exec.state.ttl';
SELECT /*+ STATE_TTL('nobody' = '1 d') */ customer, COUNT(*) AS n FROM orders GROUP BY customer;
--| error: STATE_TTL names 'nobody', which is no input of a join, an aggregation, a ranking or a set operation without a window here
--|  --> state_ttl.sql:2:8
--|   |
--| 2 | SELECT /*+ STATE_TTL('nobody' = '1 d') */ customer, COUNT(*) AS n FROM orders GROUP BY customer;
--|   |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Name a table, view or alias that the query joins or aggregates.

SELECT /*+ STATE_TTL('orders' = 'soon') */ customer, COUNT(*) AS n FROM orders GROUP BY customer;
--| error: 'soon' is no time
--|  --> state_ttl.sql:1:8
--|   |
--| 1 | SELECT /*+ STATE_TTL('orders' = 'soon') */ customer, COUNT(*) AS n FROM orders GROUP BY customer;
--|   |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Write '12 h', '1 d' or the like; '0 s' keeps state for ever.

SELECT /*+ STATE_TTL(orders, '1 d') */ customer, COUNT(*) AS n FROM orders GROUP BY customer;
--| error: this hint cannot be read
--|  --> state_ttl.sql:1:8
--|   |
--| 1 | SELECT /*+ STATE_TTL(orders, '1 d') */ customer, COUNT(*) AS n FROM orders GROUP BY customer;
--|   |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
--|   |
--|   = help: Write SELECT /*+ STATE_TTL('table or alias' = '1 d', …) */ ….

-- Outer, semi and anti joins: what was told of a row that is forgotten, or whose partners are, stays.
SELECT /*+ STATE_TTL('o' = '1 d', 's' = '12 h') */ o.id, s.carrier FROM orders AS o LEFT JOIN shipments AS s ON o.id = s.order_id;
--| +I[1, post]
--| +I[2, null]
--| +I[3, road]

EXPLAIN SELECT /*+ STATE_TTL('o' = '1 d', 's' = '12 h') */ o.id, s.carrier FROM orders AS o LEFT JOIN shipments AS s ON o.id = s.order_id;
--| Sink result (print) #4
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #3
--|       project: id = id@0, order_id = order_id@1, carrier = carrier@2
--|       project: id = id@0, carrier = carrier@2
--|       changelog: retract
--|     Join Left #2
--|         on: (id) = (order_id)
--|         exchange: by hash of id and of order_id
--|         state: left rows forgotten 1 d after they came, right rows forgotten 12 h after they came
--|         changelog: retract
--|       Source orders (inline) #0
--|           reads: id
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: append-only
--|       Source shipments (inline) #1
--|           reads: order_id, carrier
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: retract

SELECT /*+ STATE_TTL('o' = '1 d') */ o.id FROM orders AS o WHERE EXISTS (SELECT 1 FROM shipments AS s WHERE s.order_id = o.id);
--| +I[1]
--| +I[3]

SELECT /*+ STATE_TTL('o' = '1 d') */ o.id FROM orders AS o WHERE NOT EXISTS (SELECT 1 FROM shipments AS s WHERE s.order_id = o.id);
--| +I[2]

-- A row of a set operation is forgotten when it has not changed on either side for the longer of both lifetimes.
EXPLAIN SELECT /*+ STATE_TTL('orders' = '1 d', 'shipments' = '12 h') */ id FROM orders EXCEPT SELECT order_id FROM shipments;
--| Sink result (print) #5
--|     changelog: retract, one row for each id
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Except #4
--|       exchange: by hash of id
--|       state: each row and how often it is on either side, forgotten 1 d after its last change
--|       changelog: retract, one row for each id
--|     Source orders (inline) #0
--|         reads: id
--|         project: id = id@0
--|         watermark: none
--|         bad records: counted and skipped
--|         changelog: append-only
--|     Source shipments (inline) #1
--|         reads: order_id
--|         project: id = order_id@0
--|         watermark: none
--|         bad records: counted and skipped
--|         changelog: retract

-- Rankings of rows that are taken back.
SELECT /*+ STATE_TTL('shipments' = '2 d') */ order_id, carrier FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY carrier) AS n FROM shipments) WHERE n <= 2;
--| +I[1, post]
--| +I[3, road]

EXPLAIN SELECT /*+ STATE_TTL('shipments' = '2 d') */ order_id, carrier FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY carrier) AS n FROM shipments) WHERE n <= 2;
--| Sink result (print) #3
--|     changelog: retract
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   Map #2
--|       project: order_id = order_id@0, carrier = carrier@1
--|       project: order_id = order_id@0, carrier = carrier@1
--|       changelog: retract
--|     Rank ROW_NUMBER <= 2 by order_id #1
--|         exchange: by hash of order_id
--|         order: carrier, then the other columns
--|         emits the changes within the range of every epoch
--|         state: all rows of each partition; forgotten 2 d after the partition's last change
--|         changelog: retract
--|       Source shipments (inline) #0
--|           reads: order_id, carrier
--|           watermark: none
--|           bad records: counted and skipped
--|           changelog: retract
