-- What lists of runs need at scale: words found without reading every name, and values in order.
CREATE INDEX run_metric_order ON run_metric (name, number, run_id)
--;;
CREATE INDEX run_parameter_order ON run_parameter (name, number, run_id)
--;;
DROP INDEX run_metric_name
--;;
DROP INDEX run_parameter_name
--;;
CREATE INDEX run_id_prefix ON run (run_id text_pattern_ops)
--;;
-- The extension comes with PostgreSQL but may not be installed or allowed; searching by words then reads the names in order.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX run_word ON run USING gin (LOWER(name) gin_trgm_ops, LOWER(pipeline_name) gin_trgm_ops);
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE USING MESSAGE = 'no trigram index: ' || SQLERRM;
END
$$
