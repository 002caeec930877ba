-- Hints that were signed and are to be confirmed wait apart from those that anybody can send.

ALTER TABLE hints ADD COLUMN weight INTEGER NOT NULL DEFAULT 0; -- 1 for one that was signed
ALTER TABLE hints RENAME COLUMN asked TO again; -- how often it was named again while it waited
CREATE INDEX hints_by_weight ON hints (weight);
