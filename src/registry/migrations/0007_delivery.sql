-- How a delivery is sent, beyond what the first schema foresaw.

-- When the first attempt of the present series was made; retries are given up so long after it.
ALTER TABLE deliveries ADD COLUMN first_attempt_at INTEGER;
-- The specifications that go with it: a JSON object, stage → {"digest"} or {"cause"}; NULL = none were exported for it.
ALTER TABLE deliveries ADD COLUMN specifications TEXT;
-- It waits for the export of those until then; NULL = it does not.
ALTER TABLE deliveries ADD COLUMN export_until INTEGER;
-- What the target said of it, one sentence.
ALTER TABLE deliveries ADD COLUMN note TEXT;
CREATE INDEX deliveries_exporting ON deliveries (connection) WHERE export_until IS NOT NULL;
CREATE INDEX deliveries_dead ON deliveries (target) WHERE state IN ('dead', 'ambiguous');
CREATE INDEX deliveries_collected ON deliveries (connection, target) WHERE state = 'collected';

-- Specifications, each text once.
CREATE TABLE documents (
    digest BLOB PRIMARY KEY,               -- SHA-256 of the text
    format TEXT NOT NULL CHECK (format IN ('openapi', 'asyncapi')),
    bytes  INTEGER NOT NULL,
    text   TEXT NOT NULL
) STRICT;

-- The newest export of each stage.
CREATE TABLE specifications (
    api           INTEGER NOT NULL REFERENCES apis (id),
    stage         TEXT NOT NULL,
    deployment_id TEXT,                    -- the deployment that it is of
    digest        BLOB,                    -- NULL = there is none
    cause         TEXT,                    -- why the last export failed; NULL = it did not
    passing       INTEGER NOT NULL,        -- whether trying again may help
    exported_at   INTEGER NOT NULL,
    PRIMARY KEY (api, stage)
) STRICT, WITHOUT ROWID;
CREATE INDEX specifications_by_digest ON specifications (digest);

-- Which specification each target was delivered last.
CREATE TABLE told_specifications (
    api    INTEGER NOT NULL REFERENCES apis (id),
    target TEXT NOT NULL,
    stage  TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (api, target, stage)
) STRICT, WITHOUT ROWID;

-- What targets remember: of an API, or (api 0) as a whole.
CREATE TABLE kept (
    target TEXT NOT NULL,
    api    INTEGER NOT NULL,
    value  TEXT NOT NULL,                  -- JSON
    PRIMARY KEY (target, api)
) STRICT, WITHOUT ROWID;

-- Targets that are switched off because their receiver said so.
CREATE TABLE disabled_targets (
    target TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The set of failures that each connection's targets were last told of.
CREATE TABLE told_failures (
    connection TEXT PRIMARY KEY,
    failures   TEXT NOT NULL,              -- JSON array, ordered
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
