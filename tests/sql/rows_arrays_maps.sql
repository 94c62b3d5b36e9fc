-- Nested values: ROW, ARRAY, MAP.
CREATE TABLE events (
  id INT,
  who ROW<name STRING, address ROW<city STRING, zip INT>>,
  tags ARRAY<STRING>,
  counts MAP<STRING, INT>
) WITH ('connector' = 'inline', 'format' = 'json', 'data' = '
{"id": 1, "who": {"name": "ann", "address": {"city": "Paris", "zip": 75}}, "tags": ["a", "b"], "counts": {"x": 1, "y": 2}}
{"id": 2, "who": {"name": "bob", "address": null}, "tags": [], "counts": {}}
{"id": 3, "who": null, "tags": null, "counts": null}
');

SELECT * FROM events;
--| +I[1, +I[ann, +I[Paris, 75]], [a, b], {x=1, y=2}]
--| +I[2, +I[bob, null], [], {}]
--| +I[3, null, null, null]

SELECT id, who.name, who.address.city AS city, events.who.address.zip FROM events;
--| +I[1, ann, Paris, 75]
--| +I[2, bob, null, null]
--| +I[3, null, null, null]

SELECT id FROM events WHERE who.address.zip > 10;
--| +I[1]

SELECT id, tags[1] AS first_tag, CARDINALITY(tags) AS n, counts['x'] AS x FROM events;
--| +I[1, a, 2, 1]
--| +I[2, null, 0, null]
--| +I[3, null, null, null]

SELECT ROW(1, 'a') AS r, ARRAY[1, 2, 3] AS a, MAP['k', 1, 'l', 2] AS m;
--| +I[+I[1, a], [1, 2, 3], {k=1, l=2}]

SELECT ARRAY_CONTAINS(ARRAY[1, 2], 2) AS a, ARRAY[1, 2][2] AS b, ARRAY[1, 2][3] AS c;
--| +I[true, 2, null]
