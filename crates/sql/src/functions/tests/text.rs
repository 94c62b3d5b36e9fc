//! Strings and regular expressions.

use super::{check, over};

#[test]
fn strings_follow_flink() {
    check(&[
        ("CONCAT('AA', 'BB', 'CC')", "AABBCC"),
        ("CONCAT('AA', CAST(NULL AS STRING))", "NULL"),
        ("CONCAT_WS('~', 'AA', CAST(NULL AS STRING), 'BB')", "AA~BB"),
        ("'a' || 'b'", "ab"),
        ("SPLIT_INDEX('https://x.org/a/b', '/', 3)", "a"),
        ("SPLIT_INDEX('a--b', '--', 1)", "b"),
        ("SPLIT_INDEX('a/b', '/', 2)", "NULL"),
        ("SPLIT_INDEX('a/b', '/', -1)", "NULL"),
        ("SUBSTRING('hello world' FROM 7)", "world"),
        ("SUBSTRING('hello' FROM 2 FOR 3)", "ell"),
        ("SUBSTR('hello', -3, 2)", "ll"),
        ("SUBSTR('héllo', 2, 2)", "él"),
        ("INSTR('hello', 'l')", "3"),
        ("LOCATE('l', 'hello')", "3"),
        ("LOCATE('l', 'hello', 4)", "4"),
        ("POSITION('lo' IN 'hello')", "4"),
        ("LPAD('hi', 4, '??')", "??hi"),
        ("RPAD('hi', 4, '?')", "hi??"),
        ("INITCAP('hello WORLD')", "Hello World"),
        ("CHAR_LENGTH('héllo')", "5"),
        ("UPPER('a')", "A"),
        ("TRIM(BOTH 'x' FROM 'xax')", "a"),
        ("REPLACE('hello world', 'world', 'flink')", "hello flink"),
        ("REVERSE('abc')", "cba"),
        ("REPEAT('ab', 2)", "abab"),
        ("OVERLAY('xxxxxtest' PLACING 'xxxx' FROM 6)", "xxxxxxxxx"),
        ("HASH_CODE('hello')", "99162322"),
        ("MD5('hello')", "5d41402abc4b2a76b9719d911017c592"),
        ("SHA256('a')", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("SHA2('a', 224)", "abd37534c7d9a2efb9465de931cd7055ffdb8879563ae98078d6d6d5"),
        ("TO_BASE64('hello world')", "aGVsbG8gd29ybGQ="),
        ("FROM_BASE64('aGVsbG8gd29ybGQ=')", "hello world"),
        ("HEX(255)", "FF"),
        ("HEX('hi')", "6869"),
        ("BIN(4)", "100"),
        ("STARTSWITH('hello', 'he')", "true"),
        ("IS_DIGIT('12')", "true"),
        ("IS_DECIMAL('1.5')", "true"),
        ("IS_ALPHA('a1')", "false"),
        ("COUNT_CHAR('abcac', 'c')", "2"),
        ("STR_TO_MAP('k1=v1,k2=v2')['k2']", "v2"),
        ("SPLIT('a,b', ',')[2]", "b"),
    ]);
}

#[test]
fn urls_are_taken_apart() {
    check(&[
        ("PARSE_URL('http://facebook.com/path1/p.php?query=1#r', 'HOST')", "facebook.com"),
        ("PARSE_URL('http://u@f.com:80/path1/p.php?query=1', 'PATH')", "/path1/p.php"),
        ("PARSE_URL('http://f.com/p?query=1&b=2', 'QUERY', 'b')", "2"),
        ("PARSE_URL('http://f.com/p?query=1#r', 'REF')", "r"),
        ("PARSE_URL('http://u@f.com:80/p', 'AUTHORITY')", "u@f.com:80"),
        ("PARSE_URL('nothing', 'HOST')", "NULL"),
    ]);
}

#[test]
fn regular_expressions_use_java_replacements() {
    check(&[
        ("REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 2)", "bar"),
        ("REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)')", "foothebar"),
        ("REGEXP_EXTRACT('foothebar', 'x', 1)", "NULL"),
        ("REGEXP_EXTRACT('foothebar', '(', 1)", "NULL"),
        ("REGEXP_REPLACE('foobar', 'oo|ar', '')", "fb"),
        ("REGEXP_REPLACE('ab', '(a)', '$1x')", "$1xb"),
        ("REGEXP('foobar', 'o+b')", "true"),
        ("REGEXP_COUNT('aXbXc', 'X')", "2"),
        ("REGEXP_SUBSTR('aXbXc', '[A-Z]')", "X"),
        ("REGEXP_EXTRACT_ALL('a1b2', '([a-z])(\\d)', 2)", "[1, 2]"),
    ]);
}

#[test]
fn columns_and_literals_give_the_same() {
    over("('https://x.org/a'), (CAST(NULL AS STRING)), ('')", "SPLIT_INDEX(x, '/', 3)", &["a", "NULL", "NULL"]);
    over("('&channel_id=7'), ('none')", "REGEXP_EXTRACT(x, '(&|^)channel_id=([^&]*)', 2)", &["7", "NULL"]);
    over("('a'), (CAST(NULL AS STRING))", "CONCAT(x, '!', x)", &["a!a", "NULL"]);
    over("('hello'), ('añb')", "SUBSTRING(x, 2, 1)", &["e", "ñ"]);
}
