-- name: void_leases_attempts
INSERT INTO attempts (delivery, attempt, outcome, error, started_at, finished_at)
SELECT seq, attempt, 'lost', 'the daemon ended during this attempt', coalesce(claimed_at, ?), ?
FROM deliveries WHERE state = 'running';

-- name: running
SELECT seq, losses FROM deliveries WHERE state = 'running';

-- name: void_lease
UPDATE deliveries SET state = 'pending', losses = ?, due_at = ?, owner = NULL, until = NULL WHERE seq = ?;

-- name: first_of_its_job
-- in order per job: an open delivery of an earlier event holds back the later ones; by the events, since a replay makes
-- deliveries in another order. That it is another delivery can be seen in the index, and as a rule there is none.
NOT EXISTS (
    SELECT 1 FROM deliveries e
    WHERE e.job = d.job AND e.handler = d.handler AND e.state IN ('pending', 'running') AND e.seq <> d.seq
      AND e.event < d.event);

-- name: dependencies_closed
-- what its handler depends on has been given the same event and is through with it; looked for only if there is any
(:dependencies = '[]' OR NOT EXISTS (
    SELECT 1 FROM deliveries p
    WHERE (p.event = d.event OR p.notice = d.notice) AND p.handler IN (SELECT value FROM json_each(:dependencies))
      AND p.state IN ('pending', 'running')));

-- name: next_suspect
-- The one that the handler may be given now: none while one runs, of whichever handler. The conditions are those of any
-- claim, so that one which has to wait for another delivery keeps no other suspect waiting.
SELECT d.seq FROM deliveries d
WHERE d.losses >= 2 AND d.handler = :handler AND d.state = 'pending' AND d.due_at <= :now
  AND NOT EXISTS (SELECT 1 FROM deliveries r WHERE r.losses >= 2 AND r.state = 'running')
  AND {first_of_its_job}
  AND {dependencies_closed}
ORDER BY d.due_at, d.seq
LIMIT 1;

-- name: claimable
SELECT d.seq, d.event, d.notice, d.attempt, d.losses, d.created_at
FROM deliveries d
WHERE d.handler = :handler AND d.state = 'pending' AND d.due_at <= :now
  AND {first_of_its_job}
  AND {dependencies_closed}
  AND (d.losses < 2 OR d.seq = ({next_suspect})) -- looked up once a claim, and only by one that comes upon a suspect
ORDER BY d.due_at, d.seq
LIMIT :limit;

-- name: claim
UPDATE deliveries SET state = 'running', attempt = attempt + 1, owner = ?, until = ?, claimed_at = ?
WHERE seq IN (SELECT value FROM json_each(?));

-- name: events
SELECT {event}
FROM json_each(?) AS wanted CROSS JOIN events e ON e.seq = wanted.value JOIN jobs j ON j.seq = e.job;

-- name: notice
SELECT {notice} FROM notices WHERE seq = ?;

-- name: results
SELECT handler, state, result FROM deliveries
WHERE (event = ? OR notice = ?) AND handler IN (SELECT value FROM json_each(?));

-- name: ours
-- each unit is the list [seq, attempt]; CROSS JOIN makes SQLite look each of them up
SELECT json_group_array(d.seq) FROM json_each(?) AS unit CROSS JOIN deliveries d ON d.seq = unit.value ->> 0
WHERE d.state = 'running' AND d.owner = ? AND d.attempt = unit.value ->> 1;

-- name: settle
UPDATE deliveries
SET state = unit.value ->> 2, attempt = unit.value ->> 3, due_at = unit.value ->> 4, error = unit.value ->> 5,
  result = unit.value ->> 6, finished_at = unit.value ->> 7, owner = NULL, until = NULL
FROM json_each(?) AS unit WHERE deliveries.seq = unit.value ->> 0;

-- name: save_attempt
INSERT INTO attempts (delivery, attempt, outcome, error, started_at, finished_at) VALUES {rows};

-- name: retry
UPDATE deliveries SET state = 'pending', attempt = 0, losses = 0, due_at = ?, created_at = ?, finished_at = NULL
WHERE seq = ? AND state IN ('dead', 'dropped', 'pending');

-- name: drop
UPDATE deliveries SET state = 'dropped', finished_at = ? WHERE seq = ? AND state IN ('pending', 'dead');

-- name: not_closed
SELECT seq FROM deliveries WHERE handler = ? AND state = 'pending'
UNION ALL SELECT seq FROM deliveries WHERE handler = ? AND state = 'dead'
LIMIT ?;

-- name: handler_of
SELECT h.name FROM deliveries d JOIN handlers h ON h.seq = d.handler WHERE d.seq = ?;

-- name: save_step
INSERT INTO steps (delivery, name, value) VALUES (?, ?, ?) ON CONFLICT (delivery, name) DO UPDATE SET value = excluded.value;
