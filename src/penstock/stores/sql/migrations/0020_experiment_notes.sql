-- What people write about an experiment on its page.
ALTER TABLE experiment ADD COLUMN notes TEXT NOT NULL DEFAULT '';
