-- DISTINCT ON: of the rows of each key the first in the order of ORDER BY; all columns are of the same row.
CREATE TABLE prices (shop STRING, item STRING, price INT, at INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'scan.changelog' = 'retract', 'data' = '
+a,tea,10,1
+a,rice,7,2
+b,tea,9,3
+a,tea,12,4
+b,tea,8,5
-b,tea,8,5
+-,salt,1,6
+-,salt,2,7
+c,-,-,8
');

-- The latest row of each shop; the price of 8 was taken back.
SELECT DISTINCT ON (shop) shop, item, price FROM prices ORDER BY shop, at DESC;
--| +I[a, tea, 12]
--| +I[b, tea, 9]
--| +I[c, null, null]
--| +I[null, salt, 2]

-- Two keys; the order's direction of a key does not matter. NULL is the smallest value.
SELECT DISTINCT ON (shop, item) item, shop, price FROM prices ORDER BY shop DESC, item, price;
--| +I[null, c, null]
--| +I[rice, a, 7]
--| +I[salt, null, 1]
--| +I[tea, a, 10]
--| +I[tea, b, 9]

-- A key may be computed, and need not be shown; the result can be used further.
SELECT SUM(price) FROM (SELECT DISTINCT ON (price % 2) price FROM prices WHERE price IS NOT NULL ORDER BY price % 2, price DESC);
--| +I[21]

-- Without an order nobody could say which row stays.
SELECT DISTINCT ON (shop) shop, item FROM prices;
--| error: DISTINCT ON needs an order that says which row of a key stays
--|  --> distinct_on.sql:2:1
--|   |
--| 2 | SELECT DISTINCT ON (shop) shop, item FROM prices;
--|   | ^^^^^^
--|   |
--|   = help: Write ORDER BY keys, and behind them the columns that decide.
