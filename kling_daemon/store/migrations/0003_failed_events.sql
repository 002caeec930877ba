-- Finds the failures among all events, however rare they are; it costs nothing to write anything else.

CREATE INDEX events_failed ON events (seq) WHERE type = 'job.failed';
