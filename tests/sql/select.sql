-- Projection and filter.
CREATE TABLE items (id INT, name STRING, price DECIMAL(8, 2), stock BIGINT) WITH (
  'connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,apple,1.20,10
2,pear,2.50,0
3,plum,-,7
4,-,9.99,-
');

SELECT * FROM items;
--| +I[1, apple, 1.20, 10]
--| +I[2, pear, 2.50, 0]
--| +I[3, plum, null, 7]
--| +I[4, null, 9.99, null]

SELECT name, id FROM items WHERE stock > 0;
--| +I[apple, 1]
--| +I[plum, 3]

-- A comparison with NULL is not true: row 4 has no stock, row 3 no price.
SELECT id FROM items WHERE stock >= 0 AND price < 5;
--| +I[1]
--| +I[2]

SELECT id FROM items WHERE price IS NULL OR name IS NULL;
--| +I[3]
--| +I[4]

SELECT id, price * stock AS worth, -stock AS debt FROM items;
--| +I[1, 12.00, -10]
--| +I[2, 0.00, 0]
--| +I[3, null, -7]
--| +I[4, null, null]

SELECT i.id AS number, i.name FROM items AS i WHERE i.id BETWEEN 2 AND 3;
--| +I[2, pear]
--| +I[3, plum]

SELECT id FROM items WHERE id IN (1, 3, 5);
--| +I[1]
--| +I[3]

SELECT id FROM items WHERE id NOT IN (1, 3, 5);
--| +I[2]
--| +I[4]

SELECT `id` AS `the id` FROM `items` WHERE `name` = 'pear';
--| +I[2]

SELECT 1 + 1 AS two, 'text' AS t, TRUE AS yes, CAST(NULL AS INT) AS nothing;
--| +I[2, text, true, null]

SELECT DISTINCT stock > 5 AS much FROM items;
--| +I[false]
--| +I[null]
--| +I[true]
