-- Whether somebody gave a description, be it an empty one: wandb clients tell that from none at all.
ALTER TABLE collection ADD COLUMN is_described INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tracked_project ADD COLUMN is_described INTEGER NOT NULL DEFAULT 0;
UPDATE collection SET is_described = 1 WHERE description <> '';
UPDATE tracked_project SET is_described = 1 WHERE description <> '';
