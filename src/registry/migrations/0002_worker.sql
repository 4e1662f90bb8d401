-- What the running worker remembers. Times are unix milliseconds.

-- When each connection's present schedule began; nothing that was due before is owed.
CREATE TABLE schedules (
    connection TEXT PRIMARY KEY,
    definition TEXT NOT NULL,              -- JSON: the instants that it names
    since      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What became of each due instant. The key is what the file says, not the instant: newer zone data must never fire it twice.
CREATE TABLE due_instants (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    connection  TEXT NOT NULL,
    zone        TEXT NOT NULL,
    nominal     TEXT NOT NULL,             -- local date and time, YYYY-MM-DDTHH:MM:SS
    second_pass INTEGER NOT NULL,          -- 1 = the later of two instants with that local time
    due_at      INTEGER NOT NULL,
    fate        TEXT NOT NULL CHECK (fate IN ('run', 'caught_up', 'missed', 'skipped')),
    reason      TEXT,
    older       INTEGER NOT NULL,          -- how many older instants the row stands for as well
    recorded_at INTEGER NOT NULL,
    run_id      INTEGER,                   -- NULL with fate run or caught_up = the run has not begun
    tzdb        TEXT NOT NULL,             -- zone data that the instant was computed with
    void        INTEGER NOT NULL DEFAULT 0, -- 1 = written under a clock that was far ahead of what it shows now
    UNIQUE (connection, zone, nominal, second_pass)
) STRICT;
CREATE INDEX due_instants_by_time ON due_instants (connection, due_at);
CREATE INDEX due_instants_by_record ON due_instants (recorded_at);
CREATE INDEX due_instants_by_run ON due_instants (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX due_instants_open ON due_instants (due_at) WHERE run_id IS NULL AND fate IN ('run', 'caught_up');

-- Connections (connection '' = all of them) whose schedules rest.
CREATE TABLE pauses (
    connection TEXT PRIMARY KEY,
    until      INTEGER,
    note       TEXT,
    by         TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Runs whose failed scopes are to be looked at again.
CREATE TABLE retries (
    connection TEXT PRIMARY KEY,
    run_id     INTEGER NOT NULL,           -- the run whose scopes failed
    attempt    INTEGER NOT NULL,           -- which of the waits that is, from 1
    due_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who changed what; never dropped.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    connection TEXT,
    detail     TEXT NOT NULL               -- JSON object
) STRICT;
CREATE INDEX audit_by_time ON audit (at);
