-- name: void_leases
UPDATE submissions SET state = 'ambiguous', due_at = ?, owner = NULL, until = NULL WHERE state = 'sending';

-- name: existing
SELECT {columns} FROM jobs WHERE id = ?;

-- name: make
INSERT INTO submissions (job, account, path, digest, state, tries, due_at)
SELECT seq, account, ?, ?, 'queued', 0, ? FROM jobs WHERE id = ?;

-- name: due
SELECT job, state, path, digest, tries FROM submissions
WHERE state IN ('queued', 'ambiguous') AND due_at <= ? ORDER BY due_at, job LIMIT ?;

-- name: claim
UPDATE submissions SET state = 'sending', tries = tries + 1, owner = ?, until = ? WHERE job = ?;

-- name: job
SELECT {columns} FROM jobs WHERE seq = ?;

-- name: postpone
UPDATE submissions SET state = ?, due_at = ?, error = ?, owner = NULL, until = NULL
WHERE job = (SELECT seq FROM jobs WHERE id = ?) AND state = 'sending' AND owner = ?;

-- name: is_unsent
SELECT 1 FROM submissions WHERE job = (SELECT seq FROM jobs WHERE id = ?) AND state = 'queued';
