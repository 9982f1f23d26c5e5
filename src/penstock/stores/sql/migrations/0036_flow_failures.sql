-- Failed attempts of flow tasks whose logs are still to be read for the reason.
CREATE TABLE flow_unexplained (
    task_number {bigint} NOT NULL, attempt INTEGER NOT NULL, run_number {bigint} NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (task_number, attempt)
);
