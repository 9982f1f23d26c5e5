-- When an agent of a sweep was told to exit, so that pages need not wait for its silence.
ALTER TABLE sweep_agent ADD COLUMN ended_at {double};
