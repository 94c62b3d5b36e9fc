-- The levels and paths of a tree.
CREATE TABLE tree (id INT, parent INT, name STRING) WITH ('connector' = 'inline', 'format' = 'csv', 'csv.null-literal' = '-', 'data' = '
1,-,root
2,1,left
3,1,right
4,2,leaf
');

WITH RECURSIVE paths (id, depth, path) AS (SELECT id, 0, name FROM tree WHERE parent IS NULL UNION ALL SELECT t.id, p.depth + 1, p.path || '/' || t.name FROM paths p JOIN tree t ON t.parent = p.id) SELECT depth, path FROM paths;
--| +I[0, root]
--| +I[1, root/left]
--| +I[1, root/right]
--| +I[2, root/left/leaf]
