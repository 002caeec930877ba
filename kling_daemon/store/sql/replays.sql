-- name: look
SELECT e.seq, e.type, d.state
FROM (SELECT seq, type FROM events WHERE seq > :after AND seq < :before ORDER BY seq LIMIT :limit) e
LEFT JOIN deliveries d ON d.event = e.seq AND d.handler = (SELECT seq FROM handlers WHERE name = :handler)
ORDER BY e.seq;

-- name: look_at_job
SELECT e.seq, e.type, d.state
FROM jobs j CROSS JOIN events e ON e.job = j.seq
LEFT JOIN deliveries d ON d.event = e.seq AND d.handler = (SELECT seq FROM handlers WHERE name = :handler)
WHERE j.id = :job AND +e.seq > :after AND +e.seq < :before
ORDER BY e.seq LIMIT :limit;

-- name: again
-- what an earlier attempt said or returned is not what the coming one will
UPDATE deliveries
SET state = 'pending', attempt = 0, losses = 0, due_at = :now, created_at = :now, finished_at = NULL, error = NULL,
  result = NULL
WHERE handler = :handler AND event IN (SELECT value FROM json_each(:events)) AND state IN ('done', 'dead', 'dropped')
RETURNING seq;

-- name: forget_steps
DELETE FROM steps WHERE delivery IN (SELECT value FROM json_each(?));

-- name: never_made
SELECT e.seq, e.job FROM json_each(:events) AS named CROSS JOIN events e ON e.seq = named.value
WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.seq AND d.handler = :handler)
ORDER BY e.seq;
