-- name: shown_callback
SELECT c.seq, c.webhook_id, c.digest, c.verdict, c.secret, j.id AS job_id, c.received_at, c.last_at, c.count
FROM callbacks c LEFT JOIN jobs j ON j.seq = c.job;

-- name: window
SELECT min(seq) AS least, count(*) AS rows, min(received_at) AS oldest
FROM (SELECT seq, received_at FROM callbacks WHERE seq < :before ORDER BY seq DESC LIMIT :window);

-- name: page
{shown_callback}
WHERE c.seq < :before AND c.seq >= :least
  AND (:verdict IS NULL OR c.verdict = :verdict) AND (:since IS NULL OR c.received_at >= :since)
ORDER BY c.seq DESC LIMIT :limit;

-- name: of_job
-- a handful, found by their job
{shown_callback}
WHERE c.job = (SELECT seq FROM jobs WHERE id = :job) AND c.seq < :before
  AND (:verdict IS NULL OR c.verdict = :verdict) AND (:since IS NULL OR c.received_at >= :since)
ORDER BY c.seq DESC LIMIT :limit;

-- name: evidence
SELECT headers, body, secret, received_at, last_at FROM callbacks WHERE seq = ?;

-- name: verdicts_and_secrets
SELECT verdict, secret, sum(count) AS received, max(last_at) AS last_at FROM callbacks GROUP BY verdict, secret;
