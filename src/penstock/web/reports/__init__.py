"""Reports as they are written, drawn, frozen and exported."""
