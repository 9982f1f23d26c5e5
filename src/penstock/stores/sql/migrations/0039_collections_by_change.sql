-- The collections of a project that changed last are read in order.
CREATE INDEX collection_changed ON collection (project_id, updated_at);
