-- Numbers of runs by what lists are restricted to, so that the total of a list costs no scan; kept by triggers because several
-- rooms write runs.
CREATE TABLE run_count (
    kind TEXT NOT NULL, namespace TEXT NOT NULL, experiment_id TEXT NOT NULL, storage_state TEXT NOT NULL, runs INTEGER NOT NULL,
    PRIMARY KEY (kind, namespace, experiment_id, storage_state)
)
--;;
INSERT INTO run_count (kind, namespace, experiment_id, storage_state, runs)
SELECT kind, namespace, COALESCE(experiment_id, ''), storage_state, COUNT(*) FROM run GROUP BY 1, 2, 3, 4
--;;
CREATE TRIGGER run_count_insert AFTER INSERT ON run BEGIN
    INSERT INTO run_count (kind, namespace, experiment_id, storage_state, runs)
    VALUES (NEW.kind, NEW.namespace, COALESCE(NEW.experiment_id, ''), NEW.storage_state, 1)
    ON CONFLICT (kind, namespace, experiment_id, storage_state) DO UPDATE SET runs = runs + 1;
END
--;;
CREATE TRIGGER run_count_delete AFTER DELETE ON run BEGIN
    UPDATE run_count SET runs = runs - 1
    WHERE kind = OLD.kind AND namespace = OLD.namespace AND experiment_id = COALESCE(OLD.experiment_id, '')
      AND storage_state = OLD.storage_state;
END
--;;
CREATE TRIGGER run_count_update AFTER UPDATE OF kind, namespace, experiment_id, storage_state ON run BEGIN
    UPDATE run_count SET runs = runs - 1
    WHERE kind = OLD.kind AND namespace = OLD.namespace AND experiment_id = COALESCE(OLD.experiment_id, '')
      AND storage_state = OLD.storage_state;
    INSERT INTO run_count (kind, namespace, experiment_id, storage_state, runs)
    VALUES (NEW.kind, NEW.namespace, COALESCE(NEW.experiment_id, ''), NEW.storage_state, 1)
    ON CONFLICT (kind, namespace, experiment_id, storage_state) DO UPDATE SET runs = runs + 1;
END
--;;
CREATE INDEX run_created_any ON run (created_at, run_id)
--;;
CREATE INDEX run_experiment_created ON run (experiment_id, created_at, run_id)
--;;
CREATE INDEX run_recurring_state ON run (recurring_run_id, state)
--;;
CREATE INDEX run_pipeline_version ON run (pipeline_version_id, created_at)
--;;
CREATE INDEX pipeline_version_created ON pipeline_version (pipeline_id, created_at, pipeline_version_id)
