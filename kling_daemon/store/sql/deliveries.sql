-- name: void_leases_attempts
INSERT INTO attempts (delivery, attempt, outcome, error, started_at, finished_at)
SELECT seq, attempt, 'lost', 'the daemon ended during this attempt', coalesce(claimed_at, ?1), ?1
FROM deliveries WHERE state = 'running';

-- name: void_leases
UPDATE deliveries SET state = 'pending', due_at = ?1, owner = NULL, until = NULL WHERE state = 'running';

-- name: claimable
SELECT d.seq, d.event, d.notice, d.attempt, d.created_at
FROM deliveries d
WHERE d.handler = :handler AND d.state = 'pending' AND d.due_at <= :now
  AND NOT EXISTS ( -- in order per job: an earlier open delivery holds back the later ones
    SELECT 1 FROM deliveries e
    WHERE e.job = d.job AND e.handler = d.handler AND e.state IN ('pending', 'running') AND e.seq < d.seq)
ORDER BY d.due_at, d.seq
LIMIT :limit;

-- name: claimable_after_others
SELECT d.seq, d.event, d.notice, d.attempt, d.created_at
FROM deliveries d
WHERE d.handler = :handler AND d.state = 'pending' AND d.due_at <= :now
  AND NOT EXISTS (
    SELECT 1 FROM deliveries e
    WHERE e.job = d.job AND e.handler = d.handler AND e.state IN ('pending', 'running') AND e.seq < d.seq)
  AND NOT EXISTS ( -- what it depends on has been given the same event and is not through with it
    SELECT 1 FROM deliveries p
    WHERE (p.event = d.event OR p.notice = d.notice) AND p.handler IN (SELECT value FROM json_each(:dependencies))
      AND p.state IN ('pending', 'running'))
ORDER BY d.due_at, d.seq
LIMIT :limit;

-- name: claim
UPDATE deliveries SET state = 'running', attempt = attempt + 1, owner = ?, until = ?, claimed_at = ? WHERE seq = ?;

-- name: event
SELECT id, type, previous_state, occurred_at, snapshot FROM events WHERE seq = ?;

-- name: notice
SELECT id, kind, subject, message, raised_at FROM notices WHERE seq = ?;

-- name: results
SELECT handler, state, result FROM deliveries
WHERE (event = ?1 OR notice = ?2) AND handler IN (SELECT value FROM json_each(?3));

-- name: settle
UPDATE deliveries
SET state = ?1, attempt = ?2, due_at = ?3, error = ?4, result = ?5, finished_at = ?6, owner = NULL, until = NULL
WHERE seq = ?7 AND state = 'running' AND owner = ?8 AND attempt = ?9;

-- name: save_attempt
INSERT INTO attempts (delivery, attempt, outcome, error, started_at, finished_at) VALUES (?, ?, ?, ?, ?, ?);

-- name: retry
UPDATE deliveries SET state = 'pending', attempt = 0, due_at = ?1, created_at = ?1, finished_at = NULL
WHERE seq = ?2 AND state IN ('dead', 'dropped', 'pending');

-- name: handler_of
SELECT h.name FROM deliveries d JOIN handlers h ON h.seq = d.handler WHERE d.seq = ?;

-- name: save_step
INSERT INTO steps (delivery, name, value) VALUES (?, ?, ?) ON CONFLICT (delivery, name) DO UPDATE SET value = excluded.value;
