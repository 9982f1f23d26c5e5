-- What pipelines and projects may use; and that one used more, told once a period.
CREATE TABLE budget (
    scope TEXT NOT NULL,                    -- pipeline | project
    scope_id TEXT NOT NULL,
    hours {double},
    period TEXT NOT NULL,                   -- day | week | month
    size_bytes {bigint},
    user_name TEXT NOT NULL,
    updated_at {double} NOT NULL,
    PRIMARY KEY (scope, scope_id)
);
CREATE TABLE budget_passing (
    scope TEXT NOT NULL,
    scope_id TEXT NOT NULL,
    measure TEXT NOT NULL,                  -- hours | bytes
    began_at {double} NOT NULL,             -- of the period; 0 for bytes
    detail TEXT NOT NULL,
    at {double} NOT NULL,
    PRIMARY KEY (scope, scope_id, measure, began_at)
);
CREATE INDEX budget_passing_at ON budget_passing (at);
