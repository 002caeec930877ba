-- name: started
INSERT INTO accounts (account, first_at) VALUES (?, ?) ON CONFLICT (account) DO NOTHING;

-- name: adopted
UPDATE accounts SET adopted_until = max(coalesce(adopted_until, 0), ?) WHERE account = ?;
