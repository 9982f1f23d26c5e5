-- Artifacts of pipeline tasks as versions that W&B clients read: made when somebody first asks, so that a task costs one small update.

ALTER TABLE tracked_run ADD COLUMN artifacts_pending INTEGER NOT NULL DEFAULT 0; -- its task ended with artifacts; no versions yet
CREATE INDEX tracked_run_artifacts ON tracked_run (project_id, finished_at) WHERE artifacts_pending = 1;
UPDATE tracked_run SET artifacts_pending = 1 WHERE state NOT IN ('running', 'pending')
    AND EXISTS (SELECT 1 FROM artifact_use u WHERE u.task_id = tracked_run.task_id)
    AND NOT EXISTS (SELECT 1 FROM flow_run f WHERE f.run_id = tracked_run.pipeline_run_id);

CREATE TABLE task_version (                 -- the version that stands for a pipeline artifact
    artifact_id {bigint} PRIMARY KEY, version_id {bigint} NOT NULL
);
CREATE INDEX task_version_version ON task_version (version_id);
