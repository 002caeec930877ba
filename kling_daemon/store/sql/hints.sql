-- name: save_hint
INSERT INTO hints (seq, account, task_id, received_at, again, weight) VALUES {rows}
ON CONFLICT (task_id, account) DO UPDATE SET again = again + 1, weight = max(weight, excluded.weight);

-- name: evict_hints
-- the first ones and the last ones stay; with no more of them than may wait, there is nothing between the two
DELETE FROM hints WHERE weight = :weight
AND seq > (SELECT seq FROM hints WHERE weight = :weight ORDER BY seq LIMIT 1 OFFSET :first)
AND seq < (SELECT seq FROM hints WHERE weight = :weight ORDER BY seq DESC LIMIT 1 OFFSET :last);

-- name: drop_hint
-- unless it was named again since
DELETE FROM hints WHERE task_id = ? AND again = ? AND account = ?;
