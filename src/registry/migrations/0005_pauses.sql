-- Times in which schedules rested, of pauses that a person ended or replaced (connection '' = all connections). What was due
-- in one is skipped, whenever that is judged; a row goes once everything in it has its fate.
CREATE TABLE past_pauses (
    connection TEXT NOT NULL,
    since      INTEGER NOT NULL,
    until      INTEGER NOT NULL            -- exclusive
) STRICT;

-- The newest due instant when the schedule began. Only later rows are its own: earlier ones, of whatever time, were the
-- instants of what the file said before.
ALTER TABLE schedules ADD COLUMN begun_after INTEGER NOT NULL DEFAULT 0;
