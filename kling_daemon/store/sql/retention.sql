-- name: klings_latest
-- by Kling's own clock; of the last reports only, since others are older
SELECT max(updated_at) FROM (SELECT updated_at FROM reports ORDER BY seq DESC LIMIT 1000);

-- name: events
-- in the order in which they happened: what is old comes first
SELECT seq, job, type IN ('job.completed', 'job.failed'), occurred_at FROM events WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: removable_jobs
-- The jobs of the highest rows stay: a number that nobody has any more would be given out again after the next start.
SELECT j.seq FROM json_each(:jobs) AS named CROSS JOIN jobs j ON j.seq = named.value
WHERE j.state IN ('succeeded', 'failed') AND j.updated_at < :before
  AND NOT EXISTS (
    SELECT 1 FROM events e JOIN deliveries d ON d.event = e.seq WHERE e.job = j.seq AND d.state NOT IN ('done', 'dropped'))
  AND NOT EXISTS (SELECT 1 FROM submissions s WHERE s.job = j.seq AND s.state <> 'settled')
  AND j.seq <> (SELECT max(seq) FROM jobs)
  AND j.seq <> (SELECT job FROM events ORDER BY seq DESC LIMIT 1)
  AND j.seq <> coalesce((SELECT job FROM reports ORDER BY seq DESC LIMIT 1), 0)
  AND j.seq <> coalesce((SELECT job FROM deliveries ORDER BY seq DESC LIMIT 1), 0);

-- name: deliveries_of_jobs
SELECT d.seq FROM json_each(?) AS named CROSS JOIN events e ON e.job = named.value CROSS JOIN deliveries d ON d.event = e.seq;

-- name: remove_reports
DELETE FROM reports WHERE seq IN (SELECT seq FROM reports WHERE job IN (SELECT value FROM json_each(?)) LIMIT ?);

-- name: remove_attempts
DELETE FROM attempts WHERE rowid IN (SELECT rowid FROM attempts WHERE delivery IN (SELECT value FROM json_each(?)) LIMIT ?);

-- name: remove_steps
DELETE FROM steps WHERE (delivery, name) IN (
  SELECT delivery, name FROM steps WHERE delivery IN (SELECT value FROM json_each(?)) LIMIT ?);

-- name: remove_deliveries
DELETE FROM deliveries WHERE seq IN (SELECT value FROM json_each(?));

-- name: remove_events
DELETE FROM events WHERE job IN (SELECT value FROM json_each(?));

-- name: remove_submissions
DELETE FROM submissions WHERE job IN (SELECT value FROM json_each(?));

-- name: remove_jobs
DELETE FROM jobs WHERE seq IN (SELECT value FROM json_each(?));

-- name: callbacks
SELECT seq, received_at FROM callbacks WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: remove_callbacks
DELETE FROM callbacks WHERE seq IN (SELECT value FROM json_each(:callbacks)) AND last_at < :before
  AND (job IS NULL OR NOT EXISTS (SELECT 1 FROM jobs j WHERE j.seq = callbacks.job))
  AND seq <> (SELECT max(seq) FROM callbacks);

-- name: notices
SELECT seq, raised_at FROM notices WHERE seq > ? ORDER BY seq LIMIT ?;

-- name: removable_notices
SELECT n.seq FROM json_each(:notices) AS named CROSS JOIN notices n ON n.seq = named.value
WHERE n.cleared_at < :before
  AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.notice = n.seq AND d.state NOT IN ('done', 'dropped'))
  AND n.seq <> (SELECT max(seq) FROM notices)
  AND n.seq <> coalesce((SELECT notice FROM deliveries ORDER BY seq DESC LIMIT 1), 0);

-- name: deliveries_of_notices
SELECT d.seq FROM json_each(?) AS named CROSS JOIN deliveries d ON d.notice = named.value;

-- name: remove_notices
DELETE FROM notices WHERE seq IN (SELECT value FROM json_each(?));

-- name: remove_hints
DELETE FROM hints WHERE seq IN (
  SELECT seq FROM hints WHERE received_at < ? AND seq < (SELECT max(seq) FROM hints) ORDER BY seq LIMIT ?);
