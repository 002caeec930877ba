-- Finds the callbacks of one job, for its history, without reading all that are kept.

CREATE INDEX callbacks_by_job ON callbacks (job) WHERE job IS NOT NULL;
