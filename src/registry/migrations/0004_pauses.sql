-- Times in which schedules rested, of pauses that a person ended or replaced (connection '' = all connections). What was due
-- in one is skipped, whenever that is judged; a row goes once everything in it has its fate.
CREATE TABLE past_pauses (
    connection TEXT NOT NULL,
    since      INTEGER NOT NULL,
    until      INTEGER NOT NULL            -- exclusive
) STRICT;
