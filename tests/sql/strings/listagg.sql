-- LISTAGG puts texts together, by an order of its own, each once with DISTINCT.
SELECT LISTAGG(s, '-') WITHIN GROUP (ORDER BY s DESC) AS a FROM (VALUES ('b'), ('a'), ('c')) AS t(s);
--| +I[c-b-a]

SELECT LISTAGG(DISTINCT s) AS a FROM (VALUES ('b'), ('a'), ('b')) AS t(s);
--| +I[b,a]
