-- A division by zero of whole numbers stops the job.
SELECT 1 / x AS y FROM (VALUES (1), (0)) AS t(x);

--| the job fails: Arrow error: Divide by zero error
--|   detail: while computing 1 / x@0
