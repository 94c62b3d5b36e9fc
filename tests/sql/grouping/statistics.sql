-- Correlation, covariance and regression.
SELECT CORR(x, y) AS a, COVAR_POP(x, y) AS b, REGR_SLOPE(y, x) AS c FROM (VALUES (1e0, 2e0), (2e0, 4e0), (3e0, 6e0)) AS t(x, y);
--| +I[1.0, 1.3333333333333333, 2.0]
