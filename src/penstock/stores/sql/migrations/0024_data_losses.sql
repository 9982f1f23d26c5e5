-- What a client of a tracked run said that it left out; one row per kind, the first words count.
CREATE TABLE tracked_loss (
    run_id {bigint} NOT NULL,
    kind TEXT NOT NULL,                     -- kinds of `domain.data_losses`
    detail TEXT NOT NULL,                   -- what the client said
    at {double} NOT NULL,
    PRIMARY KEY (run_id, kind)
);
CREATE INDEX tracked_loss_at ON tracked_loss (at);
CREATE INDEX task_note_loss ON task_note (at) WHERE kind = 'data_loss';
