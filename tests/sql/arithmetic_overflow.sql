-- Arithmetic of BIGINT wraps around, as in Flink; a result that must not belongs in a DECIMAL.
SELECT x * x AS y FROM (VALUES (CAST(9223372036854775807 AS BIGINT))) AS t(x);
--| +I[1]

SELECT CAST(x AS DECIMAL(38, 0)) * 2 AS y FROM (VALUES (CAST(9223372036854775807 AS BIGINT))) AS t(x);
--| +I[18446744073709551614]
