-- Functions of text with Flink's rules at the edges: positions from 1, negative lengths, NULL.
SELECT LPAD(a, 4, '??') AS a, LPAD(a, 1, '??') AS b, LPAD(a, -1, '?') AS c, LPAD(a, 0, '?') AS d, LPAD(a, 5, '') AS e, LPAD(a, 7, 'abc') AS f, RPAD(a, 1, '??') AS g, RPAD(a, -1, '?') AS h, RPAD(a, 7, 'abc') AS i FROM (VALUES ('hi'), (NULL)) AS t(a);
--| +I[??hi, h, null, , null, abcabhi, h, null, hiabcab]
--| +I[null, null, null, null, null, null, null, null, null]

SELECT LEFT('hello', 2) AS a, LEFT('hello', -1) AS b, LEFT('hello', 9) AS c, LEFT('日本語', 2) AS d, RIGHT('hello', 2) AS e, RIGHT('hello', -1) AS f, RIGHT('hello', 9) AS g, RIGHT('日本語', 2) AS h, RIGHT('hello', 0) AS i;
--| +I[he, , hello, 日本, lo, , hello, 本語, ]

SELECT REPEAT('ab', 2) AS a, REPEAT('ab', 0) AS b, REPEAT('ab', -1) AS c, CHR(97) AS d, CHR(353) AS e, CHR(-1) AS f, ASCII('abc') AS g, ASCII('') AS h, REVERSE('añb') AS i, INITCAP('hello WORLD-foo_bar 1a') AS j;
--| +I[abab, , , a, a, , 97, 0, bña, Hello World-Foo_Bar 1a]

SELECT OVERLAY('xxxxxtest' PLACING 'xxxx' FROM 6) AS a, OVERLAY('xxxxxtest' PLACING 'xxxx' FROM 6 FOR 2) AS b, OVERLAY('abc' PLACING 'X' FROM 9) AS c, OVERLAY('abc' PLACING 'X' FROM 0) AS d, OVERLAY('abcdef' PLACING 'XX' FROM 2 FOR 0) AS e, OVERLAY('abcdef' PLACING 'XX' FROM 5 FOR 9) AS f, OVERLAY(CAST(NULL AS STRING) PLACING 'X' FROM 1) AS g;
--| +I[xxxxxxxxx, xxxxxxxxxst, abc, abc, aXX, abcdXX, null]

SELECT SUBSTRING('hello', 0) AS a, SUBSTRING('hello', -3) AS b, SUBSTRING('hello', -3, 2) AS c, SUBSTRING('hello', 2, 0) AS d, SUBSTRING('hello', -9) AS e, SUBSTRING('hello', 9) AS f, SUBSTRING('hello', 0, 2) AS g, SUBSTR('hello', 2, -1) AS h;
--| +I[hello, llo, ll, , , , he, null]

SELECT POSITION('l' IN 'hello') AS a, POSITION('z' IN 'hello') AS b, POSITION('' IN 'hello') AS c, INSTR('hello', 'l') AS d, INSTR('hello', 'z') AS e, LOCATE('l', 'hello', 4) AS f, LOCATE('l', 'hello', 5) AS g, LOCATE('', 'hello') AS h, LOCATE('l', 'hello', -1) AS i;
--| +I[3, 0, 1, 3, 0, 4, 0, 1, 3]

SELECT TRIM(BOTH 'x' FROM 'xxyxx') AS a, TRIM(TRAILING 'y' FROM 'xyy') AS b, BTRIM('  a ') AS c, BTRIM('--a--', '-') AS d, LTRIM('--a', '-') AS e, RTRIM('a--', '-') AS f, LTRIM('xyxa', 'yx') AS g;
--| +I[y, x, a, a, a, a, a]

SELECT TRANSLATE('www.apache.org', 'wapcheorg', ' APCHEcom') AS a, TRANSLATE('abc', 'ab', 'x') AS b, TRANSLATE('abc', '', 'x') AS c, TRANSLATE('aabc', 'aa', 'xy') AS d, TRANSLATE3('abc', 'a', 'x') AS e, REPLACE('ababab', 'abab', 'z') AS f, REPLACE('abc', '', '-') AS g;
--| +I[   .APACHE.com, xc, abc, xxbc, xbc, zab, -a-b-c-]

SELECT CONCAT('a', CAST(NULL AS STRING)) AS a, CONCAT_WS('~', 'AA', CAST(NULL AS STRING), 'BB', '', 'CC') AS b, CONCAT_WS(CAST(NULL AS STRING), 'a') AS c, ELT(2, 'a', 'b') AS d, ELT(3, 'a', 'b') AS e, ELT(0, 'a') AS f, ELT(CAST(NULL AS INT), 'a') AS g;
--| +I[null, AA~BB~~CC, null, b, null, null, null]

SELECT URL_ENCODE('https://flink.apache.org/?a=b c&d=ä*-._~') AS a, URL_DECODE('https%3A%2F%2Fflink.apache.org%2F+x') AS b, URL_DECODE('%zz') AS c, URL_DECODE('a%C3%A4') AS d, URL_DECODE('%') AS e;
--| +I[https%3A%2F%2Fflink.apache.org%2F%3Fa%3Db+c%26d%3D%C3%A4*-._%7E, https://flink.apache.org/ x, null, aä, null]

SELECT REGEXP_COUNT('419 Cape Mad 9', '[0-9]+') AS a, REGEXP_COUNT('a', '') AS b, REGEXP_COUNT('a', '(') AS c, REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 2) AS d, REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)') AS e, REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 3) AS f, REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', -1) AS g;
--| +I[2, 2, null, bar, foothebar, null, null]

SELECT REGEXP_EXTRACT_ALL('Ab12Cd34', '([a-z])([0-9]+)') AS a, REGEXP_EXTRACT_ALL('Ab12Cd34', '([a-z])([0-9]+)', 2) AS b, REGEXP_EXTRACT_ALL('Ab12', '[0-9]+') AS c, REGEXP_EXTRACT_ALL('Ab12', '[0-9]+', 0) AS d, REGEXP_EXTRACT_ALL('x', '(y)') AS e;
--| +I[[b, d], [12, 34], null, [12], []]

SELECT REGEXP_INSTR('hello world! 2', '[0-9]') AS a, REGEXP_INSTR('x', 'y') AS b, REGEXP_INSTR('x', '(') AS c, REGEXP_SUBSTR('hello 42 17', '[0-9]+') AS d, REGEXP_SUBSTR('x', 'y') AS e, REGEXP_REPLACE('foobar', 'oo|ar', '') AS f, REGEXP_REPLACE('x', '(', 'y') AS g, REGEXP('foothebar', 'the') AS h, REGEXP('a', '(') AS i;
--| +I[14, 0, null, 42, null, fb, null, true, false]

SELECT SPLIT_INDEX('a,b', ',', 0) AS a, SPLIT_INDEX('a,b', ',', -1) AS b, SPLIT_INDEX('a,,b', ',', 1) AS c, SPLIT_INDEX('', ',', 0) AS d, SPLIT_INDEX('a;;b', ';;', 1) AS e, SPLIT_INDEX('a b', '', 1) AS f, SPLIT('a,b,c', ',') AS g, SPLIT('abc', '') AS h, CARDINALITY(SPLIT('', ',')) AS i, CARDINALITY(SPLIT('a,,', ',')) AS j;
--| +I[a, null, , null, b, b, [a, b, c], [a, b, c], 0, 3]

SELECT STR_TO_MAP('k1=v1,k2=v2') AS a, STR_TO_MAP('k1:v1;k2: v2', ';', ':') AS b, STR_TO_MAP('k1,k2=2=3') AS c, STR_TO_MAP('') AS d, STR_TO_MAP('k1$$v1|k2$$ v2', '\|', '\$\$') AS e, STR_TO_MAP('a=1,a=2,,') AS f, STR_TO_MAP(CAST(NULL AS STRING)) AS g;
--| +I[{k1=v1, k2=v2}, {k1=v1, k2= v2}, {k1=null, k2=2=3}, {}, {k1=v1, k2= v2}, {a=2}, null]

SELECT PARSE_URL(u, 'HOST') AS a, PARSE_URL(u, 'AUTHORITY') AS b, PARSE_URL(u, 'FILE') AS c, PARSE_URL(u, 'USERINFO') AS d, PARSE_URL(u, 'QUERY', 'k2') AS e, PARSE_URL(u, 'REF') AS f, PARSE_URL(u, 'PATH') AS g, PARSE_URL(u, 'PROTOCOL') AS h, PARSE_URL(u, 'HOST', 'k1') AS i FROM (VALUES ('http://u:p@f.com:80/a/p.php?k1=v1&k2=v2#R'), ('http://f.com'), ('nonsense')) AS t(u);
--| +I[f.com, f.com, , null, null, null, , http, null]
--| +I[f.com, u:p@f.com:80, /a/p.php?k1=v1&k2=v2, u:p, v2, R, /a/p.php, http, null]
--| +I[null, null, null, null, null, null, null, null, null]

SELECT FROM_BASE64('aGVsbG8gd29ybGQ=') AS a, TO_BASE64('hello world') AS b, DECODE(x'c3a4', 'UTF-8') AS c, DECODE(ENCODE('aä', 'UTF-16'), 'UTF-16') AS d, HEX(ENCODE('a', 'UTF-16LE')) AS e, HEX(ENCODE('ä', 'ISO-8859-1')) AS f, HEX(ENCODE('ä', 'US-ASCII')) AS g, DECODE(UNHEX('466C696E6B'), 'UTF-8') AS h, UNHEX('zz') AS i;
--| +I[hello world, aGVsbG8gd29ybGQ=, ä, aä, 6100, E4, 3F, Flink, null]

SELECT HEX(20) AS a, HEX(-1) AS b, HEX('hello,world') AS c, BIN(12) AS d, IS_DIGIT('') AS e, IS_DIGIT(CAST(NULL AS STRING)) AS f, IS_ALPHA('ab') AS g, IS_DECIMAL('-1e3') AS h, IS_DECIMAL('') AS i, IS_DECIMAL(1) AS j, IS_DIGIT(1) AS k;
--| +I[14, FFFFFFFFFFFFFFFF, 68656C6C6F2C776F726C64, 1100, false, false, true, true, false, true, true]

-- Hashes are hexadecimal digits.
SELECT MD5('a') AS a, SHA1('a') AS b, SHA224('a') AS c, MD5(CAST(NULL AS STRING)) AS d, SHA1(CAST(NULL AS STRING)) AS e, MD5('') AS f;
--| +I[0cc175b9c0f1b6a831c399e269772661, 86f7e437faa5a7fce15d1ddcb9eaeaea377667b8, abd37534c7d9a2efb9465de931cd7055ffdb8879563ae98078d6d6d5, null, null, d41d8cd98f00b204e9800998ecf8427e]

SELECT SHA256('a') AS a, SHA2('a', 256) AS b, SHA384('a') AS c, SHA512('a') AS d, SHA2(CAST(NULL AS STRING), 256) AS e;
--| +I[ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb, ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb, 54a59b9f22b0b80880d8427e548b7c23abd873486e1f035dce9cd697e85175033caa88e6d57bc35efae0b5afd3145f31, 1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f5302860c652bf08d560252aa5e74210546f369fbbbce8c12cfc7957b2652fe9a75, null]
