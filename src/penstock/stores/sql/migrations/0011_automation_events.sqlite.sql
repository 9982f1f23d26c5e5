-- Events for automations, written in the transaction that makes them true, whoever makes it: clients, pages, timers, the engine.
-- Nothing is written while no enabled automation waits for the kind. What an automation watches takes it along when it goes.
CREATE TRIGGER automation_version_committed AFTER UPDATE OF state ON artifact_version WHEN NEW.state = 'COMMITTED' AND OLD.state <> 'COMMITTED' BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'CREATE_ARTIFACT', NULL, NEW.version_id, NEW.collection_id, ''
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'CREATE_ARTIFACT' AND is_enabled = 1);
END
--;;
CREATE TRIGGER automation_alias_added AFTER INSERT ON membership_alias BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'ADD_ARTIFACT_ALIAS', NULL, NEW.version_id, NEW.collection_id, NEW.alias
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'ADD_ARTIFACT_ALIAS' AND is_enabled = 1);
END
--;;
CREATE TRIGGER automation_alias_moved AFTER UPDATE OF version_id ON membership_alias WHEN NEW.version_id <> OLD.version_id BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'ADD_ARTIFACT_ALIAS', NULL, NEW.version_id, NEW.collection_id, NEW.alias
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'ADD_ARTIFACT_ALIAS' AND is_enabled = 1);
END
--;;
CREATE TRIGGER automation_version_tagged AFTER INSERT ON version_tag BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'ADD_ARTIFACT_TAG', NULL, NEW.version_id, NULL, NEW.tag
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'ADD_ARTIFACT_TAG' AND is_enabled = 1);
END
--;;
CREATE TRIGGER automation_version_untagged AFTER DELETE ON version_tag BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'REMOVE_ARTIFACT_TAG', NULL, OLD.version_id, NULL, OLD.tag
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'REMOVE_ARTIFACT_TAG' AND is_enabled = 1);
END
--;;
CREATE TRIGGER automation_collection_tagged AFTER INSERT ON collection_tag BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'ADD_COLLECTION_TAG', NULL, NULL, NEW.collection_id, NEW.tag
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'ADD_COLLECTION_TAG' AND is_enabled = 1);
END
--;;
CREATE TRIGGER automation_collection_untagged AFTER DELETE ON collection_tag BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'REMOVE_COLLECTION_TAG', NULL, NULL, OLD.collection_id, OLD.tag
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'REMOVE_COLLECTION_TAG' AND is_enabled = 1);
END
--;;
CREATE TRIGGER automation_version_linked AFTER INSERT ON membership WHEN EXISTS (SELECT 1 FROM collection WHERE collection_id = NEW.collection_id AND kind = 'portfolio') BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'LINK_MODEL', NULL, NEW.version_id, NEW.collection_id, ''
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'LINK_MODEL' AND is_enabled = 1);
END
--;;
CREATE TRIGGER automation_version_unlinked AFTER DELETE ON membership WHEN EXISTS (SELECT 1 FROM collection WHERE collection_id = OLD.collection_id AND kind = 'portfolio') BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'UNLINK_ARTIFACT', NULL, OLD.version_id, OLD.collection_id, ''
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'UNLINK_ARTIFACT' AND is_enabled = 1);
END
--;;
CREATE TRIGGER automation_run_started AFTER INSERT ON tracked_run BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'RUN_STATE', NEW.run_id, NULL, NULL, NEW.state
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'RUN_STATE' AND is_enabled = 1);
END
--;;
CREATE TRIGGER automation_run_state AFTER UPDATE OF state ON tracked_run WHEN NEW.state <> OLD.state BEGIN
    INSERT INTO automation_event (event_type, run_id, version_id, collection_id, word)
    SELECT 'RUN_STATE', NEW.run_id, NULL, NULL, NEW.state
    WHERE EXISTS (SELECT 1 FROM automation WHERE event_type = 'RUN_STATE' AND is_enabled = 1);
END
--;;
CREATE TRIGGER automation_of_collection_gone AFTER DELETE ON collection BEGIN
    DELETE FROM automation WHERE scope = 'ARTIFACT_COLLECTION' AND scope_id = OLD.collection_id;
END
--;;
CREATE TRIGGER automation_of_tracked_project_gone AFTER DELETE ON tracked_project BEGIN
    DELETE FROM automation WHERE project_id = OLD.project_id;
END
--;;
CREATE TRIGGER automation_of_automation_gone AFTER DELETE ON automation BEGIN
    DELETE FROM automation_delivery WHERE automation_id = OLD.automation_id;
END
