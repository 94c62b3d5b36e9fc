-- TO_TIMESTAMP and TO_DATE read texts, and give NULL for what is none.
SELECT TO_TIMESTAMP('2024-01-05 09:07:03') AS a, TO_TIMESTAMP('05.01.2024', 'dd.MM.yyyy') AS b, TO_TIMESTAMP('nonsense') AS c, TO_DATE('2024-13-01') AS d, TO_DATE('31/12/2024', 'dd/MM/yyyy') AS e;
--| +I[2024-01-05T09:07:03, 2024-01-05T00:00, null, null, 2024-12-31]
