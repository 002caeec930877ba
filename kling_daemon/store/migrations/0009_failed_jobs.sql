-- Finds the failed ones among all jobs, however rare they are; it costs nothing to write any other.

CREATE INDEX jobs_failed ON jobs (seq) WHERE state = 'failed';
