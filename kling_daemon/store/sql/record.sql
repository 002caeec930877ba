-- name: load_by_task
SELECT {columns} FROM jobs WHERE account = ? AND task_id IN (SELECT value FROM json_each(?));

-- name: load_by_id
SELECT {columns} FROM jobs WHERE id IN (SELECT value FROM json_each(?));

-- name: load_by_external_id
-- only jobs whose create has not been answered yet; the others are found by Kling's id
SELECT {columns} FROM jobs WHERE account = ? AND task_id IS NULL AND external_id IN (SELECT value FROM json_each(?));

-- name: save_job
INSERT INTO jobs ({columns}) VALUES {rows}
ON CONFLICT (seq) DO UPDATE SET {assignments};

-- name: save_callback
INSERT INTO callbacks (
  seq, account, webhook_id, digest, capability, body, headers, verdict, secret, job, reader, received_at, last_at, count)
VALUES {rows}
-- of the request that came last, headers and secret stay together: the one is the proof of the other
ON CONFLICT (webhook_id, digest, capability) DO UPDATE SET
  count = count + excluded.count, last_at = max(last_at, excluded.last_at), verdict = excluded.verdict,
  headers = CASE WHEN excluded.last_at >= last_at THEN excluded.headers ELSE headers END,
  secret = CASE WHEN excluded.last_at >= last_at THEN excluded.secret ELSE secret END,
  job = coalesce(excluded.job, job), reader = excluded.reader;

-- name: save_report
-- a repeated callback is counted, not reported again: its row has the number of the first one
INSERT INTO reports (seq, job, callback, source, state, effect, updated_at, received_at)
SELECT * FROM (VALUES {rows}) WHERE column3 IS NULL OR EXISTS (SELECT 1 FROM callbacks WHERE seq = column3);

-- name: save_event
INSERT INTO events (seq, id, job, type, state, previous_state, occurred_at, snapshot) VALUES {rows};

-- name: keep_snapshots
-- these jobs are about to change: what their events say must stay as it was
UPDATE events SET snapshot = (SELECT {snapshot} FROM jobs j WHERE j.seq = events.job)
WHERE job IN (SELECT value FROM json_each(?)) AND snapshot IS NULL;

-- name: settle_submissions
UPDATE submissions SET state = 'settled', owner = NULL, until = NULL, error = NULL
WHERE job IN (SELECT value FROM json_each(?));

-- name: count_callbacks
SELECT job, count(*) FROM callbacks WHERE job IN (SELECT value FROM json_each(?)) GROUP BY job;
