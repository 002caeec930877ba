-- Finds the jobs that have been open for longest in each open state; in the place of an index that told the states alone.

DROP INDEX jobs_open;
CREATE INDEX jobs_open ON jobs (state, submitted_at, created_at) WHERE state IN ('queued', 'submitted', 'processing');
