"""What tracked runs logged, as pages read and draw it: documents, filters, panels, colours."""
