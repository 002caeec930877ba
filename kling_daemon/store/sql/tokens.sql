-- name: make
INSERT INTO tokens (name, scope, digest, made_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: forget_other
DELETE FROM tokens
WHERE (name = :name OR digest = :digest) AND NOT (name = :name AND digest = :digest AND scope = :scope);

-- name: revoke
DELETE FROM tokens WHERE name = ?;

-- name: use
UPDATE tokens SET used_on = ? WHERE name = ? AND digest = ?;
