-- What does not fit a decimal is an error in a cast, NULL in TRY_CAST.
SELECT TRY_CAST(12345 AS DECIMAL(4, 2)) AS a, TRY_CAST('99.999' AS DECIMAL(4, 2)) AS b, TRY_CAST(99.99 AS DECIMAL(4, 2)) AS c;
--| +I[null, null, 99.99]
