-- A recursion that does not end fails with a hint.
CREATE TABLE one (n INT) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '1');
SET 'sloth.recursion.max-rounds' = '20';
WITH RECURSIVE again (n) AS (SELECT n FROM one UNION ALL SELECT n FROM again) SELECT n FROM again;

--| the job fails: the recursion of 'again' has not ended after 20 rounds
--|   hint: Write UNION instead of UNION ALL, end it by a condition such as WHERE depth < 100, or raise 'sloth.recursion.max-rounds'.
