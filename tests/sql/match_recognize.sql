-- MATCH_RECOGNIZE: the examples of Flink's documentation, and what they leave open.
CREATE TABLE ticker (symbol STRING, rowtime TIMESTAMP(3), price INT, tax INT, WATERMARK FOR rowtime AS rowtime - INTERVAL '2' SECOND) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
ACME,2011-04-01 10:00:00,12,1
ACME,2011-04-01 10:00:02,19,1
ACME,2011-04-01 10:00:01,17,2
ACME,2011-04-01 10:00:03,21,3
ACME,2011-04-01 10:00:04,25,2
BETA,2011-04-01 10:00:04,5,2
ACME,2011-04-01 10:00:05,18,1
ACME,2011-04-01 10:00:06,15,1
BETA,2011-04-01 10:00:06,4,2
ACME,2011-04-01 10:00:07,14,2
BETA,2011-04-01 10:00:07,3,2
ACME,2011-04-01 10:00:08,24,2
BETA,2011-04-01 10:00:08,7,2
ACME,2011-04-01 10:00:09,25,2
ACME,2011-04-01 10:00:10,19,1
');

-- A price that falls and rises again.
SELECT * FROM ticker MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY rowtime
  MEASURES START_ROW.rowtime AS start_tstamp, LAST(PRICE_DOWN.rowtime) AS bottom_tstamp, LAST(PRICE_UP.rowtime) AS end_tstamp
  ONE ROW PER MATCH
  AFTER MATCH SKIP TO LAST PRICE_UP
  PATTERN (START_ROW PRICE_DOWN+ PRICE_UP)
  DEFINE
    PRICE_DOWN AS (LAST(PRICE_DOWN.price, 1) IS NULL AND PRICE_DOWN.price < START_ROW.price) OR PRICE_DOWN.price < LAST(PRICE_DOWN.price, 1),
    PRICE_UP AS PRICE_UP.price > LAST(PRICE_DOWN.price, 1)
) AS mr;
--| +I[ACME, 2011-04-01T10:00:04, 2011-04-01T10:00:07, 2011-04-01T10:00:08]
--| +I[BETA, 2011-04-01T10:00:04, 2011-04-01T10:00:07, 2011-04-01T10:00:08]

CREATE TABLE averages (symbol STRING, rowtime TIMESTAMP(3), price DECIMAL(10, 1), WATERMARK FOR rowtime AS rowtime) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
ACME,2011-04-01 10:00:00,12
ACME,2011-04-01 10:00:01,17
ACME,2011-04-01 10:00:02,13
ACME,2011-04-01 10:00:03,16
ACME,2011-04-01 10:00:04,25
ACME,2011-04-01 10:00:05,2
ACME,2011-04-01 10:00:06,4
ACME,2011-04-01 10:00:07,10
ACME,2011-04-01 10:00:08,15
ACME,2011-04-01 10:00:09,25
ACME,2011-04-01 10:00:10,25
ACME,2011-04-01 10:00:11,30
');

-- Aggregates in a condition see the rows matched so far.
SELECT * FROM averages MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY rowtime
  MEASURES FIRST(A.rowtime) AS start_tstamp, LAST(A.rowtime) AS end_tstamp, AVG(A.price) AS avg_price, COUNT(*) AS n, SUM(A.price) + B.price AS total
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A+ B)
  DEFINE A AS AVG(A.price) < 15
) mr;
--| +I[ACME, 2011-04-01T10:00, 2011-04-01T10:00:03, 14.500000, 5, 83.0]
--| +I[ACME, 2011-04-01T10:00:05, 2011-04-01T10:00:10, 13.500000, 7, 111.0]

-- Greedy takes as much as it can, reluctant as little.
SELECT * FROM averages MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY rowtime
  MEASURES C.price AS last_price, COUNT(B.price) AS between_them
  PATTERN (A B* C)
  DEFINE A AS A.price > 10, B AS B.price < 15, C AS C.price > 1
) mr;
--| +I[ACME, 15.0, 3]
--| +I[ACME, 16.0, 0]
--| +I[ACME, 17.0, 0]
--| +I[ACME, 25.0, 0]

SELECT * FROM averages MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY rowtime
  MEASURES C.price AS last_price, COUNT(B.price) AS between_them
  PATTERN (A B*? C)
  DEFINE A AS A.price > 10, B AS B.price < 15, C AS C.price > 1
) mr;
--| +I[ACME, 16.0, 0]
--| +I[ACME, 17.0, 0]
--| +I[ACME, 2.0, 0]
--| +I[ACME, 25.0, 0]
--| +I[ACME, 30.0, 0]

-- Alternation, a number of times, every match from the next row on, all rows of a match.
SELECT symbol, rowtime, price, what, run, so_far FROM averages MATCH_RECOGNIZE (
  PARTITION BY symbol ORDER BY rowtime
  MEASURES CLASSIFIER() AS what, MATCH_NUMBER() AS run, SUM(price) AS so_far
  ALL ROWS PER MATCH
  AFTER MATCH SKIP TO NEXT ROW
  PATTERN ((LOW | HIGH){2} UP)
  DEFINE LOW AS LOW.price < 11, HIGH AS HIGH.price > 20, UP AS UP.price > PREV(UP.price)
) mr;
--| +I[ACME, 2011-04-01T10:00:04, 25.0, HIGH, 1, 25.0]
--| +I[ACME, 2011-04-01T10:00:05, 2.0, LOW, 1, 27.0]
--| +I[ACME, 2011-04-01T10:00:05, 2.0, LOW, 2, 2.0]
--| +I[ACME, 2011-04-01T10:00:06, 4.0, LOW, 2, 6.0]
--| +I[ACME, 2011-04-01T10:00:06, 4.0, LOW, 3, 4.0]
--| +I[ACME, 2011-04-01T10:00:06, 4.0, UP, 1, 31.0]
--| +I[ACME, 2011-04-01T10:00:07, 10.0, LOW, 3, 14.0]
--| +I[ACME, 2011-04-01T10:00:07, 10.0, UP, 2, 16.0]
--| +I[ACME, 2011-04-01T10:00:08, 15.0, UP, 3, 29.0]
--| +I[ACME, 2011-04-01T10:00:09, 25.0, HIGH, 4, 25.0]
--| +I[ACME, 2011-04-01T10:00:10, 25.0, HIGH, 4, 50.0]
--| +I[ACME, 2011-04-01T10:00:11, 30.0, UP, 4, 80.0]

CREATE TABLE slow (rowtime TIMESTAMP(3), price INT, WATERMARK FOR rowtime AS rowtime) WITH ('connector' = 'inline', 'format' = 'csv', 'data' = '
2011-04-01 10:00:00,20
2011-04-01 10:20:00,17
2011-04-01 10:40:00,18
2011-04-01 11:00:00,11
2011-04-01 11:20:00,14
2011-04-01 11:40:00,9
2011-04-01 12:00:00,3
');

-- Not longer than an hour from the first row to the last.
SELECT * FROM slow MATCH_RECOGNIZE (
  ORDER BY rowtime
  MEASURES C.rowtime AS drop_time, A.price - C.price AS drop_diff
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (A B* C) WITHIN INTERVAL '1' HOUR
  DEFINE B AS B.price > A.price - 10, C AS C.price < A.price - 7
) mr;
--| +I[2011-04-01T12:00, 11]

SELECT * FROM slow MATCH_RECOGNIZE (ORDER BY rowtime MEASURES A.price AS p PATTERN (A*) DEFINE A AS A.price > 1) mr;
--| error: the pattern can match no row at all
--|  --> match_recognize.sql:1:1
--|   |
--| 1 | SELECT * FROM slow MATCH_RECOGNIZE (ORDER BY rowtime MEASURES A.price AS p PATTERN (A*) DEFINE A AS A.price > 1) mr;
--|   | ^^^^^^
--|   |
--|   = help: Let at least one variable be required: write A+ instead of A*.

SELECT * FROM slow MATCH_RECOGNIZE (ORDER BY price MEASURES A.price AS p PATTERN (A B) DEFINE A AS A.price > 1) mr;
--| error: column 'price' is no time attribute, so windows over it would never close
--|  --> match_recognize.sql:1:46
--|   |
--| 1 | SELECT * FROM slow MATCH_RECOGNIZE (ORDER BY price MEASURES A.price AS p PATTERN (A B) DEFINE A AS A.price > 1) mr;
--|   |                                              ^^^^^
--|   |
--|   = help: Declare WATERMARK FOR price AS price - INTERVAL '5' SECOND in the table, or use a column AS PROCTIME(); a column stays a time attribute only while it is passed on unchanged.

EXPLAIN SELECT * FROM slow MATCH_RECOGNIZE (ORDER BY rowtime MEASURES A.price AS p, MATCH_ROWTIME() AS t PATTERN (A B) DEFINE A AS A.price > 1) mr;
--| Sink result (print) #3
--|     changelog: append-only
--|     after a crash: the last rows perhaps again (the sink has no transactions)
--|   MatchRecognize #2
--|       finds: sequences of A, B
--|       exchange: to one worker
--|       emits when no later row can change a match; watermark of slow
--|       state: rows from the first that may begin a match (warning: without WITHIN a match that is never completed keeps them for ever)
--|       changelog: append-only
--|     Source slow (inline) #0
--|         reads: rowtime, price
--|         project: rowtime = rowtime@0, price = price@1, c2 = CAST(price@1 AS Int64) > 1
--|         watermark: rowtime - 0 ms, the minimum over splits that are not idle
--|         bad records: counted and skipped
--|         changelog: append-only
