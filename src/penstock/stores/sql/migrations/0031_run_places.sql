-- How manieth of its project a tracked run is: what its colour goes by, so that it keeps it whatever else is listed or begins.
ALTER TABLE tracked_run ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
UPDATE tracked_run SET place = ranked.place FROM (
    SELECT run_id, ROW_NUMBER() OVER (PARTITION BY project_id ORDER BY created_at, run_id) AS place FROM tracked_run
) AS ranked WHERE ranked.run_id = tracked_run.run_id;
CREATE INDEX tracked_run_place ON tracked_run (project_id, place);
