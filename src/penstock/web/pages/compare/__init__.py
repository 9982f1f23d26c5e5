"""Pages that put two or more things of a kind beside each other."""
