-- MIN and MAX of texts go by their characters, not by a language.
SELECT MIN(s) AS lo, MAX(s) AS hi FROM (VALUES ('b'), ('B'), ('a'), ('ä'), ('Z')) AS t(s);
--| +I[B, ä]
