-- name: latest
SELECT coalesce(max(seq), 0) AS seq FROM events;

-- name: next_of
SELECT seq, occurred_at FROM events WHERE seq > ? ORDER BY seq LIMIT 1;

-- name: rising
SELECT {event} FROM events e CROSS JOIN jobs j ON j.seq = e.job
WHERE e.seq > :after AND e.seq < :before AND (:types IS NULL OR e.type IN (SELECT value FROM json_each(:types)))
ORDER BY e.seq LIMIT :limit;

-- name: falling
SELECT {event} FROM events e CROSS JOIN jobs j ON j.seq = e.job
WHERE e.seq > :after AND e.seq < :before AND (:types IS NULL OR e.type IN (SELECT value FROM json_each(:types)))
ORDER BY e.seq DESC LIMIT :limit;

-- name: failures_rising
-- they may be so rare among all events that no scan would ever find them
SELECT {event} FROM events e INDEXED BY events_failed CROSS JOIN jobs j ON j.seq = e.job
WHERE e.type = 'job.failed' AND e.seq > :after AND e.seq < :before
ORDER BY e.seq LIMIT :limit;

-- name: failures_falling
SELECT {event} FROM events e INDEXED BY events_failed CROSS JOIN jobs j ON j.seq = e.job
WHERE e.type = 'job.failed' AND e.seq > :after AND e.seq < :before
ORDER BY e.seq DESC LIMIT :limit;

-- name: of_job
-- a handful, found by their job; the plus keeps SQLite from walking along the row numbers instead
SELECT {event} FROM jobs j CROSS JOIN events e ON e.job = j.seq
WHERE j.id = :job AND +e.seq > :after AND +e.seq < :before
  AND (:types IS NULL OR e.type IN (SELECT value FROM json_each(:types)))
ORDER BY e.seq;
