-- Nexmark q3: who sells goods of category 10 in three states. A join of two streams that keeps both.

CREATE TABLE nexmark_q3 (
  name  STRING,
  city  STRING,
  state STRING,
  id    BIGINT
) WITH ('connector' = '${SINK}');

INSERT INTO nexmark_q3
SELECT p.name, p.city, p.state, a.id
FROM auction AS a
JOIN person AS p ON p.id = a.seller
WHERE a.category = 10 AND p.state IN ('CA', 'ID', 'OR');
