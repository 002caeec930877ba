-- name: filters
(:state IS NULL OR state = :state) AND (:endpoint IS NULL OR endpoint = :endpoint) AND (:model IS NULL OR model = :model)
  AND (:tag IS NULL OR (tags <> '{}' AND EXISTS (SELECT 1 FROM json_each(tags) WHERE key = :tag AND value = :tag_value)));

-- name: page
SELECT {columns} FROM jobs WHERE seq < :before AND seq > :after ORDER BY seq DESC LIMIT :limit;

-- name: known
-- the first job behind a row, with the moment from which the daemon has known it
SELECT j.seq, (SELECT min(e.occurred_at) FROM events e WHERE e.job = j.seq) AS known_at
FROM jobs j WHERE j.seq > ? ORDER BY j.seq LIMIT 1;

-- name: latest
SELECT coalesce(max(seq), 0) AS seq FROM jobs;

-- name: open_rows
SELECT seq FROM jobs INDEXED BY jobs_open
WHERE state IN ('queued', 'submitted', 'processing') AND state = :state LIMIT :few;

-- name: failed_rows
SELECT seq FROM jobs INDEXED BY jobs_failed
WHERE state = 'failed' AND seq < :before AND seq > :after ORDER BY seq DESC LIMIT :window;

-- name: among
SELECT {columns} FROM jobs
WHERE seq IN (SELECT value FROM json_each(:rows)) AND seq < :before AND seq > :after AND {filters}
ORDER BY seq DESC LIMIT :limit;

-- name: window
SELECT min(seq) AS least, count(*) AS rows
FROM (SELECT seq FROM jobs WHERE seq < :before AND seq > :after ORDER BY seq DESC LIMIT :window);

-- name: between
SELECT {columns} FROM jobs WHERE seq < :before AND seq >= :least AND {filters} ORDER BY seq DESC LIMIT :limit;
