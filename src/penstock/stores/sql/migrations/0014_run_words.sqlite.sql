-- What lists of runs need at scale: words found without reading every name, and values in order.
CREATE INDEX run_metric_order ON run_metric (name, number, run_id)
--;;
CREATE INDEX run_parameter_order ON run_parameter (name, number, run_id)
--;;
DROP INDEX run_metric_name
--;;
DROP INDEX run_parameter_name
--;;
-- Numbers of its own, because those that SQLite gives to rows of `run` do not survive a VACUUM.
CREATE TABLE run_word_key (number INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE)
--;;
CREATE VIRTUAL TABLE run_word USING fts5(name, pipeline_name, tokenize = 'trigram')
--;;
INSERT INTO run_word_key (run_id) SELECT run_id FROM run ORDER BY created_at
--;;
INSERT INTO run_word (rowid, name, pipeline_name)
SELECT run_word_key.number, run.name, run.pipeline_name FROM run JOIN run_word_key ON run_word_key.run_id = run.run_id
--;;
CREATE TRIGGER run_word_insert AFTER INSERT ON run BEGIN
    INSERT INTO run_word_key (run_id) VALUES (NEW.run_id);
    INSERT INTO run_word (rowid, name, pipeline_name)
    SELECT number, NEW.name, NEW.pipeline_name FROM run_word_key WHERE run_id = NEW.run_id;
END
--;;
CREATE TRIGGER run_word_update AFTER UPDATE OF name, pipeline_name ON run BEGIN
    UPDATE run_word SET name = NEW.name, pipeline_name = NEW.pipeline_name
    WHERE rowid = (SELECT number FROM run_word_key WHERE run_id = NEW.run_id);
END
--;;
CREATE TRIGGER run_word_delete AFTER DELETE ON run BEGIN
    DELETE FROM run_word WHERE rowid = (SELECT number FROM run_word_key WHERE run_id = OLD.run_id);
    DELETE FROM run_word_key WHERE run_id = OLD.run_id;
END
