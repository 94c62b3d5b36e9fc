-- An average of decimals is rounded half up, also below zero.
SELECT AVG(x) AS a, SUM(x) AS s FROM (VALUES (-0.05), (-0.04)) AS t(x);
--| +I[-0.045000, -0.09]
