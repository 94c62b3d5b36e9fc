-- CASE in both forms, IF, COALESCE.
SELECT x,
  CASE WHEN x < 0 THEN 'negative' WHEN x = 0 THEN 'zero' ELSE 'positive' END AS sign,
  CASE x WHEN 1 THEN 'one' WHEN 2 THEN 'two' END AS word
FROM (VALUES (-5), (0), (1), (2), (NULL)) AS t(x);
--| +I[-5, negative, null]
--| +I[0, zero, null]
--| +I[1, positive, one]
--| +I[2, positive, two]
--| +I[null, positive, null]

SELECT IF(x > 1, 'big', 'small') AS size FROM (VALUES (1), (2), (NULL)) AS t(x);
--| +I[big]
--| +I[small]
--| +I[small]

-- The branches agree on a type.
SELECT CASE WHEN TRUE THEN 1 ELSE 2.5 END AS a, COALESCE(CAST(NULL AS INT), 7) AS b;
--| +I[1.0, 7]

SELECT GREATEST(1, 5, 3) AS a, LEAST(2.5, 1.5) AS b;
--| +I[5, 1.5]
