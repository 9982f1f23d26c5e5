-- Who asked a tracked run's program to stop, and when.
ALTER TABLE tracked_run ADD COLUMN stop_asked_at {double};
ALTER TABLE tracked_run ADD COLUMN stop_asked_by TEXT NOT NULL DEFAULT '';
