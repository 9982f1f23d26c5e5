-- Event triggers, backfills and the change log of recurring runs. What a trigger waits for is noted by database triggers in the transaction
-- that makes it true, whoever writes it; so what was acknowledged is never missed, and nothing is noted while nobody waits.
ALTER TABLE recurring_run ADD COLUMN event_kind TEXT
--;;
CREATE INDEX recurring_run_event ON recurring_run (event_kind, is_enabled)
--;;
CREATE TABLE trigger_event (
    event_id INTEGER PRIMARY KEY AUTOINCREMENT,
    recurring_run_id TEXT NOT NULL,
    subject TEXT NOT NULL,                  -- what happened; once per trigger
    source TEXT NOT NULL,                   -- run | tracked | version | metric | webhook | file
    source_id TEXT NOT NULL DEFAULT '',
    at REAL NOT NULL,
    facts TEXT NOT NULL DEFAULT '{}',
    outcome TEXT,                           -- NULL: not decided; fired | skipped | error | unmatched | noted
    reason TEXT NOT NULL DEFAULT '',
    run_id TEXT,
    chain TEXT NOT NULL DEFAULT '[]',       -- triggers that led here one after the other, itself last
    decided_at REAL,
    UNIQUE (recurring_run_id, subject)
)
--;;
CREATE INDEX trigger_event_open ON trigger_event (recurring_run_id, event_id) WHERE outcome IS NULL
--;;
CREATE INDEX trigger_event_run ON trigger_event (run_id)
--;;
CREATE INDEX trigger_event_history ON trigger_event (recurring_run_id, at)
--;;
CREATE TABLE backfill (
    backfill_id TEXT PRIMARY KEY,
    recurring_run_id TEXT NOT NULL,
    from_at REAL NOT NULL, until_at REAL NOT NULL,
    is_again INTEGER NOT NULL,              -- also times that fired before
    max_concurrency INTEGER NOT NULL,
    state TEXT NOT NULL,                    -- RUNNING | FINISHED | CANCELED
    created_at REAL NOT NULL, finished_at REAL
)
--;;
CREATE INDEX backfill_recurring ON backfill (recurring_run_id, created_at)
--;;
CREATE TABLE backfill_time (
    backfill_id TEXT NOT NULL, planned_at REAL NOT NULL, outcome TEXT, reason TEXT NOT NULL DEFAULT '', run_id TEXT,
    PRIMARY KEY (backfill_id, planned_at)
)
--;;
CREATE TABLE recurring_change (
    change_id INTEGER PRIMARY KEY AUTOINCREMENT,
    recurring_run_id TEXT NOT NULL, at REAL NOT NULL, user_name TEXT NOT NULL DEFAULT '',
    changes TEXT NOT NULL                   -- [["field", before, after], ...]
)
--;;
CREATE INDEX recurring_change_run ON recurring_change (recurring_run_id, at)
--;;
CREATE TRIGGER note_run_insert AFTER INSERT ON run
WHEN NEW.state IN ('SUCCEEDED', 'SKIPPED', 'FAILED', 'CANCELED') AND NEW.finished_at IS NOT NULL BEGIN
    INSERT INTO trigger_event (recurring_run_id, subject, source, source_id, at)
    SELECT r.recurring_run_id, 'run:' || NEW.run_id || '@' || CAST(NEW.finished_at AS TEXT),
        'run', NEW.run_id, NEW.finished_at
    FROM recurring_run r
    WHERE r.is_enabled = 1 AND r.event_kind = 'run_finished'
    ON CONFLICT (recurring_run_id, subject) DO NOTHING;
END
--;;
CREATE TRIGGER note_run_update AFTER UPDATE OF state ON run WHEN NEW.state IN ('SUCCEEDED', 'SKIPPED', 'FAILED', 'CANCELED') 
    AND OLD.state NOT IN ('SUCCEEDED', 'SKIPPED', 'FAILED', 'CANCELED') AND NEW.finished_at IS NOT NULL BEGIN
    INSERT INTO trigger_event (recurring_run_id, subject, source, source_id, at)
    SELECT r.recurring_run_id, 'run:' || NEW.run_id || '@' || CAST(NEW.finished_at AS TEXT),
        'run', NEW.run_id, NEW.finished_at
    FROM recurring_run r
    WHERE r.is_enabled = 1 AND r.event_kind = 'run_finished'
    ON CONFLICT (recurring_run_id, subject) DO NOTHING;
END
--;;
CREATE TRIGGER note_tracked_update AFTER UPDATE OF state ON tracked_run
WHEN NEW.state IN ('finished', 'failed', 'crashed', 'killed', 'preempted') 
    AND OLD.state NOT IN ('finished', 'failed', 'crashed', 'killed', 'preempted') AND NEW.finished_at IS NOT NULL BEGIN
    INSERT INTO trigger_event (recurring_run_id, subject, source, source_id, at)
    SELECT r.recurring_run_id, 'tracked:' || CAST(NEW.run_id AS TEXT) || '@' || CAST(NEW.finished_at AS TEXT),
        'tracked', CAST(NEW.run_id AS TEXT), NEW.finished_at
    FROM recurring_run r
    WHERE r.is_enabled = 1 AND r.event_kind IN ('run_finished', 'metric')
    ON CONFLICT (recurring_run_id, subject) DO NOTHING;
END
--;;
CREATE TRIGGER note_metric_insert AFTER INSERT ON run_metric WHEN NEW.number IS NOT NULL BEGIN
    INSERT INTO trigger_event (recurring_run_id, subject, source, source_id, at, facts)
    SELECT r.recurring_run_id, 'metric:' || NEW.run_id || ':' || NEW.name || ':' || NEW.task_id,
        'metric', NEW.run_id, (julianday('now') - 2440587.5) * 86400.0, json_object('task_id', NEW.task_id, 'name', NEW.name)
    FROM recurring_run r
    WHERE r.is_enabled = 1 AND r.event_kind = 'metric'
    ON CONFLICT (recurring_run_id, subject) DO NOTHING;
END
--;;
CREATE TRIGGER note_metric_update AFTER UPDATE OF number ON run_metric WHEN NEW.number IS NOT NULL BEGIN
    INSERT INTO trigger_event (recurring_run_id, subject, source, source_id, at, facts)
    SELECT r.recurring_run_id, 'metric:' || NEW.run_id || ':' || NEW.name || ':' || NEW.task_id,
        'metric', NEW.run_id, (julianday('now') - 2440587.5) * 86400.0, json_object('task_id', NEW.task_id, 'name', NEW.name)
    FROM recurring_run r
    WHERE r.is_enabled = 1 AND r.event_kind = 'metric'
    ON CONFLICT (recurring_run_id, subject) DO NOTHING;
END
--;;
CREATE TRIGGER note_version_insert AFTER INSERT ON membership BEGIN
    INSERT INTO trigger_event (recurring_run_id, subject, source, source_id, at)
    SELECT r.recurring_run_id, 'version:' || CAST(NEW.membership_id AS TEXT),
        'version', CAST(NEW.collection_id AS TEXT) || '/' || CAST(NEW.version_id AS TEXT), NEW.created_at
    FROM recurring_run r
    WHERE r.is_enabled = 1 AND r.event_kind = 'artifact'
    ON CONFLICT (recurring_run_id, subject) DO NOTHING;
END
--;;
CREATE TRIGGER note_alias_insert AFTER INSERT ON membership_alias BEGIN
    INSERT INTO trigger_event (recurring_run_id, subject, source, source_id, at)
    SELECT r.recurring_run_id, 'alias:' || CAST(NEW.collection_id AS TEXT) || ':' || NEW.alias || ':' || CAST(NEW.version_id AS TEXT)
        || '@' || CAST(NEW.created_at AS TEXT),
        'alias', CAST(NEW.collection_id AS TEXT) || '/' || CAST(NEW.version_id AS TEXT) || '/' || NEW.alias, NEW.created_at
    FROM recurring_run r
    WHERE r.is_enabled = 1 AND r.event_kind = 'artifact'
    ON CONFLICT (recurring_run_id, subject) DO NOTHING;
END
--;;
CREATE TRIGGER note_alias_update AFTER UPDATE OF version_id ON membership_alias WHEN OLD.version_id <> NEW.version_id BEGIN
    INSERT INTO trigger_event (recurring_run_id, subject, source, source_id, at)
    SELECT r.recurring_run_id, 'alias:' || CAST(NEW.collection_id AS TEXT) || ':' || NEW.alias || ':' || CAST(NEW.version_id AS TEXT)
        || '@' || CAST(NEW.created_at AS TEXT),
        'alias', CAST(NEW.collection_id AS TEXT) || '/' || CAST(NEW.version_id AS TEXT) || '/' || NEW.alias, NEW.created_at
    FROM recurring_run r
    WHERE r.is_enabled = 1 AND r.event_kind = 'artifact'
    ON CONFLICT (recurring_run_id, subject) DO NOTHING;
END
