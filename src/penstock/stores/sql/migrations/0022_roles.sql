-- What users may do on the whole server, whether their keys are refused, and invitations. The server's own user becomes an administrator
-- when the server starts.
ALTER TABLE tracked_entity ADD COLUMN role TEXT NOT NULL DEFAULT 'member';
ALTER TABLE tracked_entity ADD COLUMN disabled_at {double};

CREATE TABLE account_invite (
    invite_id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,            -- SHA-256 of the token in the link
    user_name TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at {double} NOT NULL,
    expires_at {double} NOT NULL,
    closed_at {double}                      -- when it was accepted or withdrawn
);
