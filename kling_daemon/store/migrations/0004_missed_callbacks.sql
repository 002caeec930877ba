-- Counts the jobs whose callbacks did not come without reading all jobs.

CREATE INDEX jobs_missed ON jobs (endpoint, generation, model) WHERE callback_missed;
