-- Top-N: ROW_NUMBER, RANK and DENSE_RANK with a filter on the rank.
CREATE TABLE bids (item STRING, who STRING, price INT) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
a,ann,10
a,bob,30
a,cid,20
a,dan,30
b,eve,5
b,fay,-
b,gus,5
-,hal,1
a,ian,20
-,joe,2
');

SELECT item, who, price, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY item ORDER BY price DESC) AS rn FROM bids) WHERE rn <= 2;
--| +I[a, bob, 30, 1]
--| +I[a, dan, 30, 2]
--| +I[b, eve, 5, 1]
--| +I[b, gus, 5, 2]
--| +I[null, hal, 1, 2]
--| +I[null, joe, 2, 1]

SELECT item, who, price FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY item ORDER BY price DESC) AS rn FROM bids) WHERE rn <= 2;
--| +I[a, bob, 30]
--| +I[a, dan, 30]
--| +I[b, eve, 5]
--| +I[b, gus, 5]
--| +I[null, hal, 1]
--| +I[null, joe, 2]

SELECT item, who, r FROM (SELECT *, RANK() OVER (PARTITION BY item ORDER BY price DESC) AS r FROM bids) WHERE r <= 3;
--| +I[a, bob, 1]
--| +I[a, cid, 3]
--| +I[a, dan, 1]
--| +I[a, ian, 3]
--| +I[b, eve, 1]
--| +I[b, fay, 3]
--| +I[b, gus, 1]
--| +I[null, hal, 2]
--| +I[null, joe, 1]

SELECT item, who, r FROM (SELECT *, DENSE_RANK() OVER (PARTITION BY item ORDER BY price DESC) AS r FROM bids) WHERE r < 3;
--| +I[a, bob, 1]
--| +I[a, cid, 2]
--| +I[a, dan, 1]
--| +I[a, ian, 2]
--| +I[b, eve, 1]
--| +I[b, fay, 2]
--| +I[b, gus, 1]
--| +I[null, hal, 2]
--| +I[null, joe, 1]

-- NULL is the smallest value, unless the query says otherwise.
SELECT item, who, price FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY item ORDER BY price) AS rn FROM bids) WHERE rn = 1;
--| +I[a, ann, 10]
--| +I[b, fay, null]
--| +I[null, hal, 1]

SELECT item, who, price FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY item ORDER BY price NULLS LAST) AS rn FROM bids) WHERE rn = 1;
--| +I[a, ann, 10]
--| +I[b, eve, 5]
--| +I[null, hal, 1]

SELECT who, price, rn FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY price DESC NULLS LAST, who DESC) AS rn FROM bids) WHERE rn BETWEEN 2 AND 4;
--| +I[bob, 30, 2]
--| +I[cid, 20, 4]
--| +I[ian, 20, 3]

-- Expressions as keys, and other conditions beside the one on the rank.
SELECT who, price FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY UPPER(item) ORDER BY -price) AS rn FROM bids) WHERE 2 >= rn AND price > 5;
--| +I[bob, 30]
--| +I[dan, 30]

SELECT item, who FROM bids WHERE price > 5 QUALIFY ROW_NUMBER() OVER (PARTITION BY item ORDER BY price DESC, who) = 1;
--| +I[a, bob]

-- A ranking of groups, and what is computed from a ranking.
SELECT item, total FROM (SELECT item, total, ROW_NUMBER() OVER (ORDER BY total DESC) AS rn FROM (SELECT item, SUM(price) AS total FROM bids GROUP BY item)) WHERE rn <= 1;
--| +I[a, 110]

SELECT COUNT(*) AS n, SUM(price) AS s FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY item ORDER BY price DESC) AS rn FROM bids) WHERE rn <= 2;
--| +I[6, 73]

-- A table with a key.
CREATE TABLE best (item STRING, who STRING, price INT, PRIMARY KEY (item) NOT ENFORCED) WITH ('connector' = 'print');

INSERT INTO best SELECT item, who, price FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY item ORDER BY price DESC, who) AS rn FROM bids) WHERE rn = 1;
--| best:
--| +I[a, bob, 30]
--| +I[b, eve, 5]
--| +I[null, joe, 2]

CREATE TABLE places (item STRING, rn BIGINT, who STRING, PRIMARY KEY (item, rn) NOT ENFORCED) WITH ('connector' = 'print');

INSERT INTO places SELECT item, rn, who FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY item ORDER BY price DESC, who) AS rn FROM bids) WHERE rn <= 3;
--| places:
--| +I[a, 1, bob]
--| +I[a, 2, dan]
--| +I[a, 3, cid]
--| +I[b, 1, eve]
--| +I[b, 2, gus]
--| +I[b, 3, fay]
--| +I[null, 1, joe]
--| +I[null, 2, hal]
