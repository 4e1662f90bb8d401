-- API keys that are being made for subscriptions: each row from before its key is made until it is known who has it, so that none is
-- left behind by a crash. A key's value is never kept.
CREATE TABLE subscriptions (
    id           INTEGER PRIMARY KEY,
    integration  TEXT NOT NULL,            -- name in the schedule file
    subscription TEXT NOT NULL,            -- the server's id of it
    key_name     TEXT NOT NULL,            -- what the key is called in AWS
    partition    TEXT NOT NULL,
    account_id   TEXT NOT NULL,
    region       TEXT NOT NULL,
    usage_plan   TEXT NOT NULL,
    key_id       TEXT,                     -- NULL = AWS has not said yet
    begun_at     INTEGER NOT NULL
) STRICT;
