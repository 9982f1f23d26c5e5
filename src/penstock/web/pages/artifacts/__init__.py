"""Pages of stored artifacts, collections and lineage."""
