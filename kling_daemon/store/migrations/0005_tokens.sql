-- Who may use the local API. The token itself is kept nowhere, only its SHA-256.

CREATE TABLE tokens (
  name    TEXT NOT NULL PRIMARY KEY,
  scope   TEXT NOT NULL,
  digest  BLOB NOT NULL UNIQUE,
  made_at INTEGER NOT NULL,
  used_on TEXT           -- the last day on which it was used, UTC: 2026-11-21
) STRICT, WITHOUT ROWID;
