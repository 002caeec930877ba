-- NOT INDEXED: a window is found by row number; an index of due times would lead through all that is due later.

-- name: deliveries_window
SELECT max(seq) FROM (SELECT seq FROM deliveries WHERE seq > ? ORDER BY seq LIMIT ?);

-- name: deliveries
UPDATE deliveries NOT INDEXED SET due_at = max(:now, due_at - :by)
WHERE seq > :after AND seq <= :last AND state = 'pending' AND due_at > :now;

-- name: polls_window
SELECT max(seq) FROM (SELECT seq FROM jobs WHERE seq > ? ORDER BY seq LIMIT ?);

-- name: polls
UPDATE jobs NOT INDEXED SET poll_at = max(:now, poll_at - :by) WHERE seq > :after AND seq <= :last AND poll_at > :now;

-- name: submissions_window
SELECT max(job) FROM (SELECT job FROM submissions WHERE job > ? ORDER BY job LIMIT ?);

-- name: submissions
UPDATE submissions NOT INDEXED SET due_at = max(:now, due_at - :by)
WHERE job > :after AND job <= :last AND state IN ('queued', 'ambiguous') AND due_at > :now;
