-- Upper and lower case of letters that are not ASCII.
SELECT UPPER('straße äöü') AS u, LOWER('ÄÖÜ ΑΒΓ') AS l, INITCAP('éric LA-rue') AS i;
--| +I[STRASSE ÄÖÜ, äöü αβγ, Éric La-Rue]
