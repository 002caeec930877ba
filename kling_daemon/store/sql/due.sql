-- name: due_polls
-- the index alone answers: no row is read
SELECT seq FROM jobs WHERE poll_at <= ? ORDER BY poll_at LIMIT ?;

-- name: jobs_to_poll
SELECT {columns} FROM jobs WHERE seq IN (SELECT value FROM json_each(?)) AND poll_at <= ? ORDER BY poll_at;

-- name: neighbours
-- the nearest ones, of the nearest thousand, that Kling has known too; what ended long ago it may have forgotten
WITH around AS (
  SELECT * FROM jobs
  WHERE seq BETWEEN :seq - 500 AND :seq + 500 AND seq <> :seq AND task_id IS NOT NULL AND account = :account
    AND (finished_at IS NULL OR finished_at >= :since))
SELECT {columns} FROM (SELECT * FROM around WHERE seq < :seq ORDER BY seq DESC LIMIT :before)
UNION ALL
SELECT {columns} FROM (SELECT * FROM around WHERE seq > :seq ORDER BY seq LIMIT :after);

-- name: once_known
-- of the latest thousand reports: what was heard of long ago Kling may have forgotten
SELECT {columns} FROM jobs WHERE seq IN (
  SELECT job FROM (SELECT job, received_at FROM reports ORDER BY seq DESC LIMIT 1000) WHERE received_at >= :since)
  AND task_id IS NOT NULL AND account = :account AND reason IS NOT 'lost' ORDER BY seq DESC LIMIT :limit;

-- name: heard_before
-- in the order in which it was heard, which no clock can mix up; what Kling says unasked does not tell whom it answers
SELECT first.job FROM (SELECT job, min(seq) AS seq FROM reports WHERE job IN (SELECT value FROM json_each(:seqs)) GROUP BY job) first
WHERE first.seq < (SELECT max(seq) FROM reports WHERE job = :seq AND source IN ('poll', 'submission'));

-- name: next_poll_due
SELECT min(poll_at) AS due_at FROM jobs WHERE poll_at IS NOT NULL;

-- name: hints
-- from both ends: an old flood does not keep the latest ones waiting, nor a new one those that came before it
SELECT * FROM (
  SELECT seq, task_id, again FROM hints WHERE weight = :weight AND account = :account ORDER BY seq LIMIT :first)
UNION
SELECT * FROM (
  SELECT seq, task_id, again FROM hints WHERE weight = :weight AND account = :account ORDER BY seq DESC LIMIT :last)
ORDER BY seq;

-- name: last_written
SELECT max(at) AS due_at FROM (
  SELECT * FROM (SELECT received_at AS at FROM reports ORDER BY seq DESC LIMIT 1)
  UNION ALL SELECT * FROM (SELECT occurred_at FROM events ORDER BY seq DESC LIMIT 1)
  UNION ALL SELECT * FROM (SELECT received_at FROM callbacks ORDER BY seq DESC LIMIT 1));

-- name: next_submission_due
SELECT min(due_at) AS due_at FROM submissions WHERE state IN ('queued', 'ambiguous');

-- name: next_delivery_due
SELECT min(d.due_at) AS due_at FROM deliveries d JOIN handlers h ON h.seq = d.handler
WHERE h.name = ? AND d.state = 'pending' AND d.due_at > ?;

-- name: digests_in_use
SELECT DISTINCT digest FROM submissions WHERE state <> 'settled';

-- name: unreadable
SELECT webhook_id, capability, body, headers, secret, received_at FROM callbacks
WHERE verdict = 'unreadable' AND reader <> ? LIMIT ?;

-- name: step
SELECT value FROM steps WHERE delivery = ? AND name = ?;

-- name: open_window
-- the last job of the next few deliveries, in the order of their jobs
SELECT max(job) AS last FROM (
  SELECT job FROM deliveries WHERE state IN ('pending', 'running') AND job > :after ORDER BY job LIMIT :limit);

-- name: dead_window
SELECT max(job) AS last FROM (SELECT job FROM deliveries WHERE state = 'dead' AND job > :after ORDER BY job LIMIT :limit);

-- name: first_expiry
SELECT min(file.value ->> 2) FROM json_each(j.outputs) output, json_each(output.value, '$[3]') file;

-- name: open_results
SELECT j.id AS job_id, h.name AS handler, ({first_expiry}) AS expires_at
FROM deliveries d JOIN events e ON e.seq = d.event JOIN handlers h ON h.seq = d.handler JOIN jobs j ON j.seq = d.job
WHERE d.state IN ('pending', 'running') AND d.job > :after AND d.job <= :last AND e.type = 'job.completed'
  AND d.created_at <= :made AND ({first_expiry}) <= :expiring;

-- name: dead_results
SELECT j.id AS job_id, h.name AS handler, ({first_expiry}) AS expires_at
FROM deliveries d JOIN events e ON e.seq = d.event JOIN handlers h ON h.seq = d.handler JOIN jobs j ON j.seq = d.job
WHERE d.state = 'dead' AND d.job > :after AND d.job <= :last AND e.type = 'job.completed'
  AND ({first_expiry}) <= :expiring;

-- name: last_job
SELECT coalesce(max(seq), 0) AS seq FROM jobs;

-- name: any_open
SELECT 1 FROM jobs WHERE state IN ('queued', 'submitted', 'processing') AND seq <= ? AND origin = 'submitted' LIMIT 1;

-- name: account
SELECT first_at, adopted_until FROM accounts WHERE account = ?;

-- name: oldest_open
-- by row number, which the index of open jobs gives at once: a million open jobs are not read for it
SELECT min(at) AS due_at FROM (
  SELECT coalesce(submitted_at, created_at) AS at FROM jobs WHERE seq IN (
    SELECT min(seq) FROM jobs WHERE state IN ('queued', 'submitted', 'processing') AND state = 'submitted'
    UNION ALL
    SELECT min(seq) FROM jobs WHERE state IN ('queued', 'submitted', 'processing') AND state = 'processing')
  UNION ALL
  SELECT j.created_at FROM submissions s JOIN jobs j ON j.seq = s.job
  WHERE s.state <> 'settled' AND s.state IN ('sending', 'ambiguous'));

-- name: open_endpoints
SELECT endpoint FROM (
  SELECT endpoint FROM jobs WHERE state IN ('queued', 'submitted', 'processing') AND state <> 'queued' LIMIT :limit)
UNION
SELECT path FROM submissions WHERE state <> 'settled' AND state IN ('sending', 'ambiguous');

-- name: tracked
SELECT {columns} FROM jobs WHERE account = :account AND task_id IN (SELECT value FROM json_each(:task_ids))
UNION ALL
SELECT {columns} FROM jobs WHERE account = :account AND task_id IS NULL
  AND external_id IN (SELECT value FROM json_each(:external_ids));
