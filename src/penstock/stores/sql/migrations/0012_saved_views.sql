-- Filter, sort, columns and grouping of a table under a name.
CREATE TABLE saved_view (
    view_id {serial},
    table_name TEXT NOT NULL,
    name TEXT NOT NULL,
    query TEXT NOT NULL,                    -- query string of the table's address
    user_name TEXT NOT NULL,
    created_at {double} NOT NULL,
    UNIQUE (table_name, name)
);
