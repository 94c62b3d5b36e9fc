-- NULL in keys, joins, sets, orders and conditions.
CREATE TABLE l (id INT, k INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,10
2,-
3,20
4,-
');

CREATE TABLE r (k INT, name STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
10,ten
-,none
30,thirty
');

-- NULL equals nothing in a join …
SELECT id, name FROM l JOIN r ON l.k = r.k;
--| +I[1, ten]

SELECT id, name FROM l FULL JOIN r ON l.k = r.k;
--| +I[1, ten]
--| +I[2, null]
--| +I[3, null]
--| +I[4, null]
--| +I[null, none]
--| +I[null, thirty]

-- … unless one asks for it.
SELECT id, name FROM l JOIN r ON l.k IS NOT DISTINCT FROM r.k;
--| +I[1, ten]
--| +I[2, none]
--| +I[4, none]

-- In groups, DISTINCT and set operations NULL equals NULL.
SELECT k, COUNT(*) FROM l GROUP BY k;
--| +I[10, 1]
--| +I[20, 1]
--| +I[null, 2]

SELECT DISTINCT k FROM l;
--| +I[10]
--| +I[20]
--| +I[null]

SELECT k FROM l INTERSECT SELECT k FROM r;
--| +I[10]
--| +I[null]

SELECT k FROM l EXCEPT SELECT k FROM r;
--| +I[20]

-- WHERE keeps only what is true: a comparison with NULL is not.
SELECT id FROM l WHERE k <> 10;
--| +I[3]

SELECT id FROM l WHERE NOT (k = 10);
--| +I[3]

SELECT id FROM l WHERE (k = 10) IS NOT TRUE;
--| +I[2]
--| +I[3]
--| +I[4]

-- NOT IN with a NULL in the list holds for nothing; NOT EXISTS looks for partners.
SELECT id FROM l WHERE k NOT IN (SELECT k FROM r);

SELECT id FROM l WHERE k NOT IN (SELECT k FROM r WHERE k IS NOT NULL);
--| +I[3]

SELECT id FROM l WHERE NOT EXISTS (SELECT 1 FROM r WHERE r.k = l.k);
--| +I[2]
--| +I[3]
--| +I[4]

-- NULL is the smallest value in an order.
SELECT id, k FROM l ORDER BY k, id LIMIT 3;
--| +I[1, 10]
--| +I[2, null]
--| +I[4, null]

SELECT id, k FROM l ORDER BY k DESC, id LIMIT 2;
--| +I[1, 10]
--| +I[3, 20]

SELECT id, k FROM l ORDER BY k ASC NULLS LAST, id LIMIT 2;
--| +I[1, 10]
--| +I[3, 20]

-- Aggregates leave NULL out, and over nothing but NULL they are NULL; counts are 0.
SELECT SUM(k) AS s, COUNT(k) AS n, COUNT(*) AS a, MIN(k) AS mi, AVG(k) AS av FROM l WHERE k IS NULL;
--| +I[null, 0, 2, null, null]

-- BOOL_AND and BOOL_OR, too: NULL is left out, it is not unknown.
SELECT BOOL_AND(k > 5) AS a, BOOL_OR(k > 15) AS o FROM l;
--| +I[true, true]

-- CASE takes the first branch that is true; a comparison with NULL is none.
SELECT id, CASE k WHEN 10 THEN 'ten' WHEN NULL THEN 'never' ELSE 'other' END AS c FROM l;
--| +I[1, ten]
--| +I[2, other]
--| +I[3, other]
--| +I[4, other]
