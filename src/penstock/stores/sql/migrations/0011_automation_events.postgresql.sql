-- Events for automations; see the SQLite form.
CREATE FUNCTION automation_version_committed() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'CREATE_ARTIFACT', NULL, NEW.version_id, NEW.collection_id, ''
    WHERE NEW.state = 'COMMITTED' AND OLD.state <> 'COMMITTED'
      AND EXISTS (SELECT 1 FROM automation WHERE event_type = 'CREATE_ARTIFACT' AND is_enabled = 1);
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_version_committed AFTER UPDATE OF state ON artifact_version FOR EACH ROW EXECUTE FUNCTION automation_version_committed()
--;;
CREATE FUNCTION automation_alias_added() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'ADD_ARTIFACT_ALIAS', NULL, NEW.version_id, NEW.collection_id, NEW.alias
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'ADD_ARTIFACT_ALIAS' AND is_enabled = 1);
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_alias_added AFTER INSERT ON membership_alias FOR EACH ROW EXECUTE FUNCTION automation_alias_added()
--;;
CREATE FUNCTION automation_alias_moved() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'ADD_ARTIFACT_ALIAS', NULL, NEW.version_id, NEW.collection_id, NEW.alias
    WHERE NEW.version_id <> OLD.version_id
      AND EXISTS (SELECT 1 FROM automation WHERE event_type = 'ADD_ARTIFACT_ALIAS' AND is_enabled = 1);
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_alias_moved AFTER UPDATE OF version_id ON membership_alias FOR EACH ROW EXECUTE FUNCTION automation_alias_moved()
--;;
CREATE FUNCTION automation_version_tagged() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'ADD_ARTIFACT_TAG', NULL, NEW.version_id, NULL, NEW.tag
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'ADD_ARTIFACT_TAG' AND is_enabled = 1);
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_version_tagged AFTER INSERT ON version_tag FOR EACH ROW EXECUTE FUNCTION automation_version_tagged()
--;;
CREATE FUNCTION automation_version_untagged() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'REMOVE_ARTIFACT_TAG', NULL, OLD.version_id, NULL, OLD.tag
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'REMOVE_ARTIFACT_TAG' AND is_enabled = 1);
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_version_untagged AFTER DELETE ON version_tag FOR EACH ROW EXECUTE FUNCTION automation_version_untagged()
--;;
CREATE FUNCTION automation_collection_tagged() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'ADD_COLLECTION_TAG', NULL, NULL, NEW.collection_id, NEW.tag
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'ADD_COLLECTION_TAG' AND is_enabled = 1);
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_collection_tagged AFTER INSERT ON collection_tag FOR EACH ROW EXECUTE FUNCTION automation_collection_tagged()
--;;
CREATE FUNCTION automation_collection_untagged() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'REMOVE_COLLECTION_TAG', NULL, NULL, OLD.collection_id, OLD.tag
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'REMOVE_COLLECTION_TAG' AND is_enabled = 1);
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_collection_untagged AFTER DELETE ON collection_tag FOR EACH ROW EXECUTE FUNCTION automation_collection_untagged()
--;;
CREATE FUNCTION automation_version_linked() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'LINK_MODEL', NULL, NEW.version_id, NEW.collection_id, ''
    WHERE EXISTS (SELECT 1 FROM collection WHERE collection_id = NEW.collection_id AND kind = 'portfolio')
      AND EXISTS (SELECT 1 FROM automation WHERE event_type = 'LINK_MODEL' AND is_enabled = 1);
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_version_linked AFTER INSERT ON membership FOR EACH ROW EXECUTE FUNCTION automation_version_linked()
--;;
CREATE FUNCTION automation_version_unlinked() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'UNLINK_ARTIFACT', NULL, OLD.version_id, OLD.collection_id, ''
    WHERE EXISTS (SELECT 1 FROM collection WHERE collection_id = OLD.collection_id AND kind = 'portfolio')
      AND EXISTS (SELECT 1 FROM automation WHERE event_type = 'UNLINK_ARTIFACT' AND is_enabled = 1);
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_version_unlinked AFTER DELETE ON membership FOR EACH ROW EXECUTE FUNCTION automation_version_unlinked()
--;;
CREATE FUNCTION automation_run_started() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'RUN_STATE', NEW.run_id, NULL, NULL, NEW.state
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'RUN_STATE' AND is_enabled = 1);
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_run_started AFTER INSERT ON tracked_run FOR EACH ROW EXECUTE FUNCTION automation_run_started()
--;;
CREATE FUNCTION automation_run_state() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'RUN_STATE', NEW.run_id, NULL, NULL, NEW.state
    WHERE NEW.state <> OLD.state
      AND EXISTS (SELECT 1 FROM automation WHERE event_type = 'RUN_STATE' AND is_enabled = 1);
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_run_state AFTER UPDATE OF state ON tracked_run FOR EACH ROW EXECUTE FUNCTION automation_run_state()
--;;
CREATE FUNCTION automation_of_collection_gone() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    DELETE FROM automation WHERE scope = 'ARTIFACT_COLLECTION' AND scope_id = OLD.collection_id;
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_of_collection_gone AFTER DELETE ON collection FOR EACH ROW EXECUTE FUNCTION automation_of_collection_gone()
--;;
CREATE FUNCTION automation_of_tracked_project_gone() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    DELETE FROM automation WHERE project_id = OLD.project_id;
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_of_tracked_project_gone AFTER DELETE ON tracked_project FOR EACH ROW EXECUTE FUNCTION automation_of_tracked_project_gone()
--;;
CREATE FUNCTION automation_of_automation_gone() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    DELETE FROM automation_delivery WHERE automation_id = OLD.automation_id;
    RETURN NULL;
END
$body$
--;;
CREATE TRIGGER automation_of_automation_gone AFTER DELETE ON automation FOR EACH ROW EXECUTE FUNCTION automation_of_automation_gone()
