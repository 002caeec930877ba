-- Times are whole milliseconds since 1970, UTC. `seq` is given by the one writer, rises, and is never shown.

CREATE TABLE jobs (
  seq               INTEGER PRIMARY KEY,
  id                TEXT NOT NULL UNIQUE,
  account           TEXT NOT NULL,
  task_id           TEXT,
  external_id       TEXT,
  generation        TEXT NOT NULL,
  endpoint          TEXT,
  model             TEXT,
  state             TEXT NOT NULL,
  reason            TEXT,
  message           TEXT NOT NULL,
  outputs           TEXT NOT NULL, -- JSON
  cost              TEXT NOT NULL, -- JSON
  tags              TEXT NOT NULL, -- JSON
  origin            TEXT NOT NULL,
  created_at        INTEGER NOT NULL,
  submitted_at      INTEGER,
  updated_at        INTEGER NOT NULL,
  finished_at       INTEGER,
  contradicted      INTEGER NOT NULL,
  callback_missed   INTEGER NOT NULL,
  outputs_stamp     INTEGER,
  cost_stamp        INTEGER,
  verdict_stamp     INTEGER,
  callback_expected INTEGER NOT NULL, -- Kling was given our callback URL for it, or has used it
  prompted          INTEGER NOT NULL, -- a hint asks for the next poll, so what it finds was not missed
  polls             INTEGER NOT NULL, -- polls since the last callback or submission
  poll_at           INTEGER           -- when to ask Kling; NULL while there is nothing to ask
) STRICT;

CREATE UNIQUE INDEX jobs_by_task ON jobs (task_id, account) WHERE task_id IS NOT NULL;
CREATE INDEX jobs_by_external_id ON jobs (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX jobs_to_poll ON jobs (poll_at) WHERE poll_at IS NOT NULL;
CREATE INDEX jobs_open ON jobs (state) WHERE state IN ('queued', 'submitted', 'processing');

-- The raw evidence: one row per webhook-id, digest and capability, with a count of how often it came.
CREATE TABLE callbacks (
  seq         INTEGER PRIMARY KEY,
  account     TEXT NOT NULL,
  webhook_id  TEXT NOT NULL,    -- empty when there was none
  digest      BLOB NOT NULL,    -- of the body
  capability  TEXT NOT NULL,    -- the id of the job that a genuine capability named; else empty
  body        BLOB NOT NULL,
  headers     BLOB NOT NULL,    -- the lines as they came, without credentials
  verdict     TEXT NOT NULL,
  secret      TEXT,             -- the name of the secret that matched
  job         INTEGER REFERENCES jobs (seq),
  reader      TEXT NOT NULL,    -- the version that read it, so that an upgrade can read it again
  received_at INTEGER NOT NULL,
  last_at     INTEGER NOT NULL,
  count       INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX callbacks_once ON callbacks (webhook_id, digest, capability);
CREATE INDEX callbacks_unreadable ON callbacks (reader) WHERE verdict = 'unreadable';

CREATE TABLE reports (
  seq         INTEGER PRIMARY KEY,
  job         INTEGER NOT NULL REFERENCES jobs (seq),
  callback    INTEGER REFERENCES callbacks (seq),
  source      TEXT NOT NULL,
  state       TEXT,
  effect      TEXT NOT NULL,
  updated_at  INTEGER,
  received_at INTEGER NOT NULL
) STRICT;

CREATE INDEX reports_by_job ON reports (job);

CREATE TABLE events (
  seq            INTEGER PRIMARY KEY,
  id             TEXT NOT NULL, -- derived from job, type and state, so the index below guards it too
  job            INTEGER NOT NULL REFERENCES jobs (seq),
  type           TEXT NOT NULL,
  state          TEXT NOT NULL,
  previous_state TEXT,
  occurred_at    INTEGER NOT NULL,
  snapshot       TEXT           -- JSON list: the job's row as it was then; NULL while the job is still the same
) STRICT;

CREATE UNIQUE INDEX events_once ON events (job, type, state);
CREATE UNIQUE INDEX events_one_end ON events (job) WHERE type IN ('job.completed', 'job.failed');

CREATE TABLE notices (
  seq        INTEGER PRIMARY KEY,
  id         TEXT NOT NULL,
  kind       TEXT NOT NULL,
  subject    TEXT NOT NULL,
  message    TEXT NOT NULL,
  raised_at  INTEGER NOT NULL,
  cleared_at INTEGER
) STRICT;

CREATE UNIQUE INDEX notices_open ON notices (kind, subject) WHERE cleared_at IS NULL;

-- Every handler ever configured: one that is not loaded keeps collecting deliveries.
CREATE TABLE handlers (
  seq        INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  events     TEXT NOT NULL, -- JSON list
  depends_on TEXT NOT NULL, -- JSON list of names
  first_at   INTEGER NOT NULL,
  loaded_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE deliveries (
  seq         INTEGER PRIMARY KEY,
  handler     INTEGER NOT NULL REFERENCES handlers (seq),
  event       INTEGER REFERENCES events (seq),
  notice      INTEGER REFERENCES notices (seq),
  job         INTEGER REFERENCES jobs (seq),
  state       TEXT NOT NULL,
  attempt     INTEGER NOT NULL,
  losses      INTEGER NOT NULL, -- attempts during which the daemon ended
  due_at      INTEGER NOT NULL,
  owner       TEXT,             -- the lease: which run of which daemon, and until when
  until       INTEGER,
  claimed_at  INTEGER,          -- when its last attempt was claimed
  created_at  INTEGER NOT NULL,
  finished_at INTEGER,
  error       TEXT,
  result      TEXT,             -- JSON
  CHECK ((event IS NULL) <> (notice IS NULL))
) STRICT;

CREATE UNIQUE INDEX deliveries_once ON deliveries (event, handler) WHERE event IS NOT NULL;
CREATE UNIQUE INDEX deliveries_of_notice ON deliveries (notice, handler) WHERE notice IS NOT NULL;
CREATE INDEX deliveries_pending ON deliveries (handler, due_at) WHERE state = 'pending';
CREATE INDEX deliveries_open ON deliveries (job, handler) WHERE state IN ('pending', 'running');
CREATE INDEX deliveries_running ON deliveries (owner) WHERE state = 'running';
CREATE INDEX deliveries_suspect ON deliveries (state, handler, due_at) WHERE losses >= 2;
CREATE INDEX deliveries_dead ON deliveries (handler) WHERE state = 'dead';

CREATE TABLE attempts (
  delivery    INTEGER NOT NULL REFERENCES deliveries (seq),
  attempt     INTEGER NOT NULL,
  outcome     TEXT NOT NULL,
  error       TEXT,
  started_at  INTEGER NOT NULL,
  finished_at INTEGER NOT NULL
) STRICT;

CREATE INDEX attempts_by_delivery ON attempts (delivery);

-- What a handler keeps between its attempts at one delivery.
CREATE TABLE steps (
  delivery INTEGER NOT NULL REFERENCES deliveries (seq),
  name     TEXT NOT NULL,
  value    TEXT NOT NULL, -- JSON
  PRIMARY KEY (delivery, name)
) STRICT, WITHOUT ROWID;

-- Creates on their way to Kling; the body lies in the spool under its digest.
CREATE TABLE submissions (
  job     INTEGER PRIMARY KEY REFERENCES jobs (seq),
  account TEXT NOT NULL,
  path    TEXT NOT NULL,
  digest  TEXT NOT NULL,
  state   TEXT NOT NULL,
  tries   INTEGER NOT NULL,
  due_at  INTEGER NOT NULL,
  owner   TEXT,
  until   INTEGER,
  error   TEXT
) STRICT;

CREATE INDEX submissions_due ON submissions (due_at) WHERE state IN ('queued', 'ambiguous');
CREATE INDEX submissions_open ON submissions (digest) WHERE state <> 'settled';

-- Task ids that somebody named without any proof: a reason to ask Kling, when there is time.
CREATE TABLE hints (
  seq         INTEGER PRIMARY KEY,
  account     TEXT NOT NULL,
  task_id     TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  asked       INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX hints_once ON hints (task_id, account);
