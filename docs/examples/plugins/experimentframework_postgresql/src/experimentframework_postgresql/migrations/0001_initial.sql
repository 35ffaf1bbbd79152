-- The events: one row for each event id, only ever inserted.
-- "body" is the event as it was published, and text, because json and jsonb change or refuse some.
-- The other columns are for finding it: a NUL in them is U+2400, and they end after 256 characters.
-- "transaction" tells readers which rows are visible to whom, in any order of commits.
CREATE TABLE "$(schema)"."$(table)"
(
    "transaction"  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    position       bigint GENERATED ALWAYS AS IDENTITY,
    event_id       text COLLATE "C" NOT NULL,
    "timestamp"    timestamptz NOT NULL,
    event_type     text COLLATE "C" NOT NULL,
    schema_version text COLLATE "C" NOT NULL,
    experiment     text COLLATE "C",
    variant        text COLLATE "C",
    subject        text COLLATE "C",
    tenant         text COLLATE "C",
    correlation_id text COLLATE "C",
    body           text NOT NULL,
    CONSTRAINT "$(table)_pkey" PRIMARY KEY (event_id)
);
-- Reading, in the order of transactions.
CREATE UNIQUE INDEX "$(table)_position" ON "$(schema)"."$(table)" ("transaction", position);
-- Ranges of time, and removing old events.
CREATE INDEX "$(table)_timestamp" ON "$(schema)"."$(table)" ("timestamp");
-- An experiment's exposures and outcomes, side by side for each subject, in the order of time.
CREATE INDEX "$(table)_subject" ON "$(schema)"."$(table)" (experiment, subject, "timestamp");
-- What one request or job caused.
CREATE INDEX "$(table)_correlation" ON "$(schema)"."$(table)" (correlation_id)
    WHERE correlation_id IS NOT NULL;
