-- name: unanswered
UPDATE jobs SET polls = polls + 1, prompted = 0, poll_at = ? WHERE id = ? AND poll_at = ?;
