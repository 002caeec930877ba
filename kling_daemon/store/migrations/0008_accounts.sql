-- Remembers since when the daemon works for an account, and up to when all of the account's tasks were adopted.

CREATE TABLE accounts (
  account       TEXT PRIMARY KEY,
  first_at      INTEGER NOT NULL, -- of the first start
  adopted_until INTEGER           -- tasks made before were seen on Kling's lists and adopted; NULL while none ever were
) STRICT, WITHOUT ROWID;

INSERT INTO accounts (account, first_at)
SELECT account, min(at) FROM (
  SELECT account, received_at AS at FROM callbacks
  UNION ALL SELECT account, created_at FROM jobs WHERE origin = 'submitted'
) GROUP BY account;
