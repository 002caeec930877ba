-- Finds dead deliveries job by job, for the results that are about to expire; it costs nothing to write any other.

CREATE INDEX deliveries_dead_by_job ON deliveries (job) WHERE state = 'dead';
