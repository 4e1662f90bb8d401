-- When each scope was first looked at: one that was never seen whole counts as unseen from there, however its failures change.
ALTER TABLE scope_status ADD COLUMN first_look_at INTEGER NOT NULL DEFAULT 0;
UPDATE scope_status SET first_look_at = min(since, ifnull(first_complete_at, since), ifnull(last_complete_at, since));
UPDATE scope_status SET first_look_at = min(scope_status.first_look_at, seen.at)
FROM (SELECT r.connection, s.partition, s.account_id, s.region, s.family, min(s.at) AS at FROM run_scopes s JOIN runs r ON r.id = s.run_id
      GROUP BY r.connection, s.partition, s.account_id, s.region, s.family) AS seen
WHERE scope_status.connection = seen.connection AND scope_status.partition = seen.partition AND scope_status.account_id = seen.account_id
  AND scope_status.region = seen.region AND scope_status.family = seen.family;
