-- Tags of pipelines without blanks, as those of all else are, so that filters for them find them. Within a value a quote has a backslash before it.
UPDATE pipeline SET tags = REPLACE(REPLACE(tags, '": "', '":"'), '", "', '","');
