-- Times are unix milliseconds. Words (states, decisions, events) are those of the JSON output.
-- An absent part of a scope's name is '' rather than NULL, so that it can be part of a key.

-- One row per API identity, for ever: gone and dropped APIs keep theirs.
CREATE TABLE apis (
    id                 INTEGER PRIMARY KEY,
    partition          TEXT NOT NULL,
    account_id         TEXT NOT NULL,
    region             TEXT NOT NULL,
    api_id             TEXT NOT NULL,
    family             TEXT NOT NULL CHECK (family IN ('rest', 'http')),
    protocol           TEXT NOT NULL,
    name               TEXT NOT NULL,
    description        TEXT,
    version            TEXT,
    endpoint_type      TEXT,
    tags               TEXT NOT NULL,      -- JSON object
    stages             TEXT,               -- JSON array; NULL = they could never be read
    details_error      TEXT,               -- why the last look could not read the stages; NULL = it could
    created_at         INTEGER,
    first_published_at INTEGER,            -- over deployed stages, whatever a connection's filter says
    last_published_at  INTEGER,
    state              TEXT CHECK (state IN ('onboarded', 'excluded', 'gone', 'seen')),  -- NULL = dropped from the lists
    first_seen_at      INTEGER NOT NULL,
    onboarded_at       INTEGER,
    absent_since       INTEGER,
    UNIQUE (partition, account_id, region, family, api_id)  -- no id is shared by both families
) STRICT;
CREATE INDEX apis_by_id ON apis (api_id);

-- How often each scope's APIs were changed in any way that a plan depends on.
CREATE TABLE scope_revisions (
    partition  TEXT NOT NULL,
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    family     TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    PRIMARY KEY (partition, account_id, region, family)
) STRICT, WITHOUT ROWID;

-- Addresses: `seen` in the last look that could read them, `registered` with the API; rows with neither are deleted.
CREATE TABLE instances (
    api          INTEGER NOT NULL REFERENCES apis (id),
    url          TEXT NOT NULL,
    stage        TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('custom-domain', 'execute-api', 'vpc-endpoint')),
    callable     INTEGER NOT NULL,
    created_at   INTEGER,
    deployed_at  INTEGER,
    seen         INTEGER NOT NULL,
    registered   INTEGER NOT NULL,
    absent_since INTEGER,
    PRIMARY KEY (api, url)
) STRICT, WITHOUT ROWID;
-- The other kinds carry the API's id in their host name and are found by that.
CREATE INDEX instances_by_domain ON instances (url) WHERE kind = 'custom-domain';

-- What each connection decided last.
CREATE TABLE decisions (
    api          INTEGER NOT NULL REFERENCES apis (id),
    connection   TEXT NOT NULL,
    decision     TEXT,                     -- NULL = dropped from the lists
    reason       TEXT,
    chosen       INTEGER NOT NULL,
    awaiting     INTEGER NOT NULL,
    date_unknown INTEGER NOT NULL,
    left_out     TEXT NOT NULL,            -- JSON array of stage names
    run_id       INTEGER,                  -- which run decided so first; it may have been pruned
    at           INTEGER NOT NULL,
    PRIMARY KEY (api, connection)
) STRICT, WITHOUT ROWID;
CREATE INDEX decisions_awaiting ON decisions (connection, api) WHERE awaiting = 1;

-- What each target was told of an API, and how many deliveries that took.
CREATE TABLE told (
    api      INTEGER NOT NULL REFERENCES apis (id),
    target   TEXT NOT NULL,
    urls     TEXT NOT NULL,                -- JSON array
    gone     INTEGER NOT NULL,
    revision INTEGER NOT NULL,             -- 0 = it counts as told, but nothing was ever sent
    PRIMARY KEY (api, target)
) STRICT, WITHOUT ROWID;

-- The outbox.
CREATE TABLE deliveries (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    key             BLOB NOT NULL UNIQUE,  -- SHA-256
    target          TEXT NOT NULL,
    api             INTEGER REFERENCES apis (id),
    event           TEXT NOT NULL,
    action          TEXT NOT NULL,
    revision        INTEGER NOT NULL,
    payload         TEXT NOT NULL,         -- JSON
    state           TEXT NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER,
    created_at      INTEGER NOT NULL,
    connection      TEXT NOT NULL,
    run_id          INTEGER,
    last_error      TEXT
) STRICT;
CREATE INDEX deliveries_by_api ON deliveries (api, target, revision);
CREATE INDEX deliveries_queued ON deliveries (target, next_attempt_at) WHERE state = 'queued';

-- Every attempt to send one, oldest first; a delivery that is sent once more begins to count from 0 again.
CREATE TABLE attempts (
    id          INTEGER PRIMARY KEY,
    delivery    INTEGER NOT NULL REFERENCES deliveries (id),
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    outcome     TEXT,
    status      INTEGER,
    error       TEXT
) STRICT;
CREATE INDEX attempts_by_delivery ON attempts (delivery);

-- What happened to each API; never dropped.
CREATE TABLE history (
    id         INTEGER PRIMARY KEY,
    api        INTEGER NOT NULL REFERENCES apis (id),
    at         INTEGER NOT NULL,
    run_id     INTEGER,
    connection TEXT,
    event      TEXT NOT NULL,
    detail     TEXT NOT NULL               -- JSON object
) STRICT;
CREATE INDEX history_by_api ON history (api);

-- People's word that an API stays out.
CREATE TABLE ignores (
    api    INTEGER PRIMARY KEY REFERENCES apis (id),
    reason TEXT NOT NULL,
    until  TEXT,                           -- last day on which it counts, YYYY-MM-DD in UTC
    by     TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
    account_id TEXT PRIMARY KEY,
    name       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    connection    TEXT NOT NULL,
    trigger       TEXT NOT NULL,
    due_at        INTEGER,
    started_at    INTEGER NOT NULL,
    finished_at   INTEGER,
    outcome       TEXT NOT NULL CHECK (outcome IN ('running', 'succeeded', 'partial', 'failed', 'interrupted')),
    selected      INTEGER NOT NULL,        -- 1 = only named APIs were looked at
    request       TEXT NOT NULL,           -- JSON: what the run was asked to do
    resumes       INTEGER,                 -- the interrupted run that it carries on
    counts        TEXT,                    -- JSON, once finished
    error_kind    TEXT,
    error_message TEXT,
    error_hint    TEXT,
    pid           INTEGER NOT NULL,
    host          TEXT
) STRICT;
CREATE INDEX runs_by_connection ON runs (connection, id);
CREATE INDEX runs_running ON runs (connection) WHERE outcome = 'running';

-- What each run saw; a row of a scope stands in the transaction that commits the scope.
CREATE TABLE run_scopes (
    run_id            INTEGER NOT NULL REFERENCES runs (id),
    partition         TEXT NOT NULL,
    account_id        TEXT NOT NULL,
    region            TEXT NOT NULL,       -- '' = the account was not entered
    family            TEXT NOT NULL,
    account_name      TEXT,
    state             TEXT NOT NULL,
    explained         INTEGER NOT NULL,
    cause             TEXT,
    hint              TEXT,
    notes             TEXT NOT NULL,       -- JSON array
    apis              INTEGER NOT NULL,
    onboard           INTEGER NOT NULL,
    already_onboarded INTEGER NOT NULL,
    excluded          INTEGER NOT NULL,
    held              INTEGER NOT NULL,
    gone              INTEGER NOT NULL,
    calls             INTEGER NOT NULL,
    throttled         INTEGER NOT NULL,
    planned           INTEGER NOT NULL,    -- 1 = the scope's plan was committed with this row; 0 = it was not looked at
    at                INTEGER NOT NULL,
    PRIMARY KEY (run_id, partition, account_id, region, family)
) STRICT, WITHOUT ROWID;

-- When each scope (region '' = the account as such) was last seen, and what stands in the way; never dropped.
CREATE TABLE scope_status (
    connection        TEXT NOT NULL,
    partition         TEXT NOT NULL,
    account_id        TEXT NOT NULL,
    region            TEXT NOT NULL,
    family            TEXT NOT NULL,
    account_name      TEXT,
    state             TEXT NOT NULL,
    explained         INTEGER NOT NULL,
    cause             TEXT,
    hint              TEXT,
    since             INTEGER NOT NULL,    -- first look of those in a row that ended in this state
    last_look_at      INTEGER NOT NULL,
    last_run_id       INTEGER NOT NULL,
    first_complete_at INTEGER,             -- by a run that was asked for no other published_after than the file's
    last_complete_at  INTEGER,
    suspicious_since  INTEGER,
    apis              INTEGER NOT NULL,    -- listed by the last complete look
    PRIMARY KEY (connection, partition, account_id, region, family)
) STRICT, WITHOUT ROWID;

-- The run after which what a connection finds is new rather than existing.
CREATE TABLE baselines (
    connection TEXT PRIMARY KEY,
    run_id     INTEGER NOT NULL,
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Scopes (region '' = every one of the account) that the baseline run tried in vain: their first look is still to come.
CREATE TABLE first_looks (
    connection TEXT NOT NULL,
    partition  TEXT NOT NULL,
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    family     TEXT NOT NULL,
    PRIMARY KEY (connection, account_id, region, family, partition)
) STRICT, WITHOUT ROWID;
