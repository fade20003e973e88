-- Retention: what was taken out of the database is counted, so that the books balance without it.

-- Discarded events that are in no exception (any more): retention has taken them.
ALTER TABLE sinks ADD COLUMN discarded INTEGER NOT NULL DEFAULT 0;

-- How many were taken, ever.
CREATE TABLE retention_counts (
  what TEXT NOT NULL,                  -- events (that were settled), undelivered, dead, bodies, hours, instances, names, rings
  reason TEXT NOT NULL,                -- age, bytes (of the database), disk (free space on it)
  n INTEGER NOT NULL,
  last_us INTEGER NOT NULL,            -- when this was done last
  PRIMARY KEY (what, reason)
) STRICT, WITHOUT ROWID;

-- The sums of closed rings whose rows are gone: as in rings and lanes. One row.
CREATE TABLE rings_gone (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  rings INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  notices INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  dropped_full INTEGER NOT NULL,
  dropped_too_big INTEGER NOT NULL,
  dropped_busy INTEGER NOT NULL,
  interrupted INTEGER NOT NULL,
  wrong_lanes INTEGER NOT NULL
) STRICT;
INSERT INTO rings_gone VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
