-- Events of MySQL's binary log: `old` holds only what has changed, NULL included.
CREATE TABLE canal (id INT, name STRING, weight DOUBLE) WITH ('connector' = 'inline', 'format' = 'canal-json', 'data' = '
{"data":[{"id":"101","name":"scooter","weight":"3.14"},{"id":"102","name":"battery","weight":null}],"old":null,"type":"INSERT","isDdl":false,"pkNames":["id"],"database":"inventory","table":"products","ts":1598944132540}
{"data":[{"id":"101","name":"scooter","weight":"5.18"},{"id":"102","name":"car battery","weight":"8.1"}],"old":[{"weight":"3.14"},{"name":"battery","weight":null}],"type":"UPDATE","isDdl":false}
{"data":null,"isDdl":true,"sql":"ALTER TABLE products ADD x INT","type":"ALTER"}
{"data":[{"id":"101","name":"scooter","weight":"5.18"}],"old":null,"type":"DELETE","isDdl":false}
');

SELECT id, name, weight FROM canal;
--| +I[102, car battery, 8.1]

SELECT COUNT(*) AS n, COUNT(weight) AS weights FROM canal;
--| +I[1, 1]

CREATE TABLE maxwell (id INT, name STRING, weight DECIMAL(8, 2), PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'inline', 'format' = 'maxwell-json', 'data' = '
{"database":"test","table":"product","type":"bootstrap-start","ts":1596684883,"data":{}}
{"database":"test","table":"product","type":"bootstrap-insert","ts":1596684883,"data":{"id":111,"name":"scooter","weight":3.14}}
{"database":"test","table":"product","type":"insert","ts":1596684883,"data":{"id":112,"name":"car battery","weight":null}}
{"database":"test","table":"product","type":"update","ts":1596684904,"data":{"id":111,"name":"scooter","weight":5.18},"old":{"weight":3.14}}
{"database":"test","table":"product","type":"update","ts":1596684904,"data":{"id":111,"name":"scooter","weight":5.18},"old":{"weight":3.14}}
{"database":"test","table":"product","type":"delete","ts":1596684914,"data":{"id":112,"name":"car battery","weight":null}}
{"database":"test","table":"product","type":"table-drop","ts":1596684914}
');

SELECT id, name, weight FROM maxwell;
--| +I[111, scooter, 5.18]

CREATE TABLE totals (name STRING, total DECIMAL(38, 2)) WITH ('connector' = 'print');
INSERT INTO totals SELECT name, SUM(weight) FROM maxwell GROUP BY name;
--| totals:
--| +I[scooter, 5.18]

--| bad records: 1
