"""Pages without a browser: contexts, filters, formats, hostile content."""
