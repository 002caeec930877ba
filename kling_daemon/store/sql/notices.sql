-- name: raise
INSERT INTO notices (seq, id, kind, subject, message, raised_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (kind, subject) WHERE cleared_at IS NULL DO NOTHING;

-- name: clear
UPDATE notices SET cleared_at = ? WHERE kind = ? AND subject = ? AND cleared_at IS NULL;
