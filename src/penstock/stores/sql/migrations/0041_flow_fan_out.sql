-- How many tasks a foreach starts: told by each task that fans out, and together for the step that it fans out to. `ahead` of these have not begun.
CREATE TABLE flow_fan_out (task_number {bigint} PRIMARY KEY, run_number {bigint} NOT NULL, step_name TEXT NOT NULL, tasks {bigint} NOT NULL);
CREATE TABLE flow_expected (
    run_number {bigint} NOT NULL, step_name TEXT NOT NULL, tasks {bigint} NOT NULL, ahead {bigint} NOT NULL,
    PRIMARY KEY (run_number, step_name)
);
