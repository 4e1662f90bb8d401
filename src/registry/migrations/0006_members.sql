-- The accounts of an organization that a connection was after, as the last whole list of its accounts told them.
CREATE TABLE members (
    connection   TEXT NOT NULL,
    account_id   TEXT NOT NULL,
    organization TEXT NOT NULL,
    name         TEXT,
    closed_since INTEGER,                  -- since when it is closed, or in the organization no more; NULL = it is open
    PRIMARY KEY (connection, account_id)
) STRICT, WITHOUT ROWID;
