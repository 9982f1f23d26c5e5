-- Whether the program said that it may be preempted (`mark_preempting`): ending in error then means preempted, not failed.
ALTER TABLE tracked_run ADD COLUMN is_preemptible INTEGER NOT NULL DEFAULT 0;
