-- The newest results with a fingerprint, however many there are.
CREATE INDEX cache_newest ON cache_entry (fingerprint, created_at DESC, task_id);
