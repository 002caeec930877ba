-- name: job_by_id
SELECT {columns} FROM jobs WHERE id = ?;

-- name: jobs_by_task
SELECT {columns} FROM jobs WHERE task_id = ? LIMIT 2;

-- name: jobs_by_external_id
SELECT {columns} FROM jobs WHERE external_id = ? LIMIT 2;

-- name: overdue
-- what is open since before then; each part is a range of `jobs_open`
SELECT seq, max(submitted_at, created_at) AS since FROM jobs
WHERE state IN ('queued', 'submitted', 'processing') AND state = 'processing'
  AND submitted_at <= :before AND created_at <= :before
UNION ALL
SELECT seq, max(submitted_at, created_at) FROM jobs
WHERE state IN ('queued', 'submitted', 'processing') AND state = 'submitted'
  AND submitted_at <= :before AND created_at <= :before
UNION ALL
SELECT seq, created_at FROM jobs
WHERE state IN ('queued', 'submitted', 'processing') AND state = 'queued'
  AND submitted_at IS NULL AND created_at <= :before;

-- name: overdue_count
SELECT count(*) AS jobs FROM ({overdue});

-- name: longest_overdue
SELECT {columns} FROM jobs WHERE seq = (SELECT seq FROM ({overdue}) ORDER BY since LIMIT 1);

-- name: overdue_jobs
SELECT {columns} FROM jobs
WHERE seq IN (SELECT seq FROM ({overdue})) AND seq < :before_seq AND (:state IS NULL OR state = :state)
ORDER BY seq DESC LIMIT :limit;

-- name: job_counts
SELECT state, count(*) AS jobs FROM jobs GROUP BY state;

-- name: open_job_counts
SELECT state, count(*) AS jobs FROM jobs WHERE state IN ('queued', 'submitted', 'processing') GROUP BY state;

-- name: missed_callbacks
SELECT endpoint, generation, model, count(*) AS jobs FROM jobs WHERE callback_missed GROUP BY endpoint, generation, model;

-- name: punctuality
-- Of the latest reports only: what callbacks did long ago says little of today. A callback for the end is one that came
-- after it by Kling's clock, believed or a hint; where the clocks disagree, that no poll was needed shows that one came.
-- Kling calls back about no task that it never made or has lost, and need not about what its answer to a create tells.
SELECT j.endpoint, j.generation, j.model,
  coalesce(
    (SELECT min(c.received_at) FROM callbacks c WHERE c.job = j.seq AND c.received_at >= j.finished_at),
    CASE WHEN NOT j.callback_missed THEN min(r.received_at) END) - j.finished_at AS delay
FROM reports r JOIN jobs j ON j.seq = r.job
WHERE r.seq > (SELECT max(seq) FROM reports) - :window AND r.state IN ('succeeded', 'failed')
  AND j.callback_expected AND j.finished_at IS NOT NULL AND j.finished_at < :before
  AND r.source <> 'submission' AND j.task_id IS NOT NULL AND j.reason IS NOT 'lost'
GROUP BY j.seq;

-- name: history
-- `step` orders what happened in the same millisecond: what came, what it led to, who was told
SELECT 'callback' AS kind, 1 AS step, c.seq, c.received_at AS at, c.last_at AS until, NULL AS source, c.verdict, c.count,
  r.state, NULL AS previous_state, r.effect, NULL AS type, NULL AS handler, NULL AS delivery, NULL AS attempt,
  NULL AS outcome, NULL AS error
FROM callbacks c LEFT JOIN reports r ON r.job = c.job AND r.callback = c.seq WHERE c.job = :job
UNION ALL
SELECT 'report', 1, seq, received_at, NULL, source, NULL, NULL, state, NULL, effect, NULL, NULL, NULL, NULL, NULL, NULL
FROM reports WHERE job = :job AND callback IS NULL
UNION ALL
SELECT 'event', 2, seq, occurred_at, NULL, NULL, NULL, NULL, state, previous_state, NULL, type, NULL, NULL, NULL, NULL, NULL
FROM events WHERE job = :job
UNION ALL
SELECT 'attempt', 3, a.rowid, a.started_at, a.finished_at, NULL, NULL, NULL, NULL, NULL, NULL, e.type, h.name, d.seq,
  a.attempt, a.outcome, a.error
FROM events e JOIN deliveries d ON d.event = e.seq JOIN attempts a ON a.delivery = d.seq JOIN handlers h ON h.seq = d.handler
WHERE e.job = :job
ORDER BY at DESC, step DESC, seq DESC LIMIT :limit;

-- name: create
SELECT state, tries, due_at, error FROM submissions WHERE job = ?;

-- name: unfinished_deliveries
SELECT d.seq, h.name AS handler, d.event, e.type, d.state, d.attempt, d.due_at, d.claimed_at, d.error,
  d.state = 'pending' AND d.losses >= 2
    AND EXISTS (SELECT 1 FROM deliveries r WHERE r.losses >= 2 AND r.state = 'running') AS waits_for_suspect
FROM events e JOIN deliveries d ON d.event = e.seq JOIN handlers h ON h.seq = d.handler
WHERE e.job = ? AND d.state IN ('pending', 'running', 'dead') ORDER BY d.seq;

-- name: hinted_at
SELECT min(received_at) AS due_at FROM hints WHERE task_id = ? AND account = ?;

-- name: event_counts
SELECT type, count(*) AS events FROM events GROUP BY type;

-- name: delivery
SELECT d.seq, h.name AS handler, coalesce(e.type, 'notice') AS type, j.id AS job_id, coalesce(e.id, n.id) AS item_id,
  d.state, d.attempt, d.losses, d.due_at, d.created_at, d.finished_at, d.error, d.result,
  CASE -- in the order in which a claim looks
    WHEN d.state <> 'pending' THEN NULL
    WHEN EXISTS (
      SELECT 1 FROM deliveries e
      WHERE e.job = d.job AND e.handler = d.handler AND e.state IN ('pending', 'running') AND e.seq < d.seq)
      THEN 'earlier'
    WHEN h.depends_on <> '[]' AND EXISTS (
      SELECT 1 FROM deliveries p JOIN handlers o ON o.seq = p.handler
      WHERE (p.event = d.event OR p.notice = d.notice) AND p.state IN ('pending', 'running')
        AND o.name IN (SELECT value FROM json_each(h.depends_on)))
      THEN 'dependency'
    WHEN d.losses >= 2 AND EXISTS (SELECT 1 FROM deliveries r WHERE r.losses >= 2 AND r.state = 'running')
      THEN 'suspect'
  END AS held
FROM deliveries d
JOIN handlers h ON h.seq = d.handler
LEFT JOIN events e ON e.seq = d.event
LEFT JOIN notices n ON n.seq = d.notice
LEFT JOIN jobs j ON j.seq = d.job;

-- name: delivery_filters
d.seq < :before AND (:state IS NULL OR d.state = :state) AND (:handler IS NULL OR h.name = :handler);

-- name: deliveries
{delivery}
WHERE {delivery_filters}
ORDER BY d.seq DESC LIMIT :limit;

-- name: deliveries_of_job
-- a handful, found by their job's events
{delivery}
WHERE {delivery_filters} AND d.seq IN (
  SELECT o.seq FROM jobs w CROSS JOIN events v ON v.job = w.seq CROSS JOIN deliveries o ON o.event = v.seq WHERE w.id = :job)
ORDER BY d.seq DESC LIMIT :limit;

-- name: dead_deliveries
-- they may be so rare among all deliveries that no scan would ever find them
{delivery}
WHERE {delivery_filters} AND d.seq IN (SELECT seq FROM deliveries INDEXED BY deliveries_dead WHERE state = 'dead')
ORDER BY d.seq DESC LIMIT :limit;

-- name: attempts
SELECT attempt, outcome, error, started_at, finished_at FROM attempts WHERE delivery = ? ORDER BY rowid DESC LIMIT ?;

-- name: delivery_counts
SELECT h.name AS handler, d.state, count(*) AS deliveries FROM deliveries d JOIN handlers h ON h.seq = d.handler
GROUP BY h.name, d.state;

-- name: handlers
SELECT name, events, depends_on, first_at, loaded_at FROM handlers ORDER BY seq;

-- name: tokens
SELECT name, scope, digest, made_at, used_on FROM tokens ORDER BY name;

-- name: notices
SELECT {notice} FROM notices WHERE cleared_at IS NULL ORDER BY seq;

-- name: hint_count
SELECT count(*) AS hints FROM hints WHERE account = ?;

-- name: callbacks
SELECT c.seq, c.webhook_id, c.digest, c.verdict, c.secret, j.id AS job_id, c.received_at, c.last_at, c.count
FROM callbacks c LEFT JOIN jobs j ON j.seq = c.job
WHERE c.seq > ? ORDER BY c.seq LIMIT ?;

-- name: flaws
PRAGMA integrity_check;
