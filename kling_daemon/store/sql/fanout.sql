-- name: registry
SELECT seq, name, events, depends_on FROM handlers ORDER BY seq;

-- name: register
INSERT INTO handlers (seq, name, events, depends_on, first_at, loaded_at)
VALUES (:seq, :name, :events, :depends_on, :now, :now)
ON CONFLICT (name) DO UPDATE SET events = excluded.events, depends_on = excluded.depends_on, loaded_at = excluded.loaded_at;

-- name: forget
-- a handler without events is a forgotten one: its row stays for the deliveries that it was given
UPDATE handlers SET events = '[]', depends_on = '[]' WHERE seq = ?;

-- name: deliver
INSERT INTO deliveries (seq, handler, event, notice, job, state, attempt, losses, due_at, created_at)
VALUES {rows};
