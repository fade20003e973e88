-- Use cases as their users know them: definitions, ids that the service gives, and rollups that say more of
-- each instance.

-- ---- Definitions and handles --------------------------------------------------------------------------

-- What applications defined explicitly. Of a name that was only ever used, use_case_totals knows.
CREATE TABLE use_case_definitions (
  use_case_name INTEGER PRIMARY KEY REFERENCES names (id),
  description TEXT NOT NULL,           -- of the latest defined_us: records come in any order
  defined_us INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting', -- waiting (to be told the service), told, refused
  attempts INTEGER NOT NULL DEFAULT 0, -- that ended without an answer, or with "later"
  retry_us INTEGER NOT NULL DEFAULT 0,
  http_status INTEGER,
  code TEXT,
  message TEXT,
  settled_us INTEGER                   -- told or refused
) STRICT;
CREATE INDEX use_case_definitions_waiting ON use_case_definitions (retry_us) WHERE state = 'waiting';

-- Instances whose use_case_id is a handle: an id that stands for one that the service gives. An event that comes
-- later under the given id belongs to the same instance, for the store looks here, too. (An instance that was there
-- under that id before it was given stays one of its own: an application that had learnt it elsewhere.)
CREATE TABLE use_case_handles (
  instance INTEGER PRIMARY KEY REFERENCES use_case_instances (id),
  state TEXT NOT NULL DEFAULT 'waiting', -- waiting, given, refused
  given_id TEXT,
  requested_us INTEGER NOT NULL,       -- or the time of the first event under it, if that is earlier
  given_us INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  retry_us INTEGER NOT NULL DEFAULT 0,
  http_status INTEGER,
  code TEXT,
  message TEXT
) STRICT;
CREATE INDEX use_case_handles_waiting ON use_case_handles (retry_us) WHERE state = 'waiting';
CREATE INDEX use_case_handles_given ON use_case_handles (given_id) WHERE given_id IS NOT NULL;

-- Records of a ring that were no events: stored = sequence - rejected - notices.
ALTER TABLE lanes ADD COLUMN notices INTEGER NOT NULL DEFAULT 0;

-- ---- Rollups ------------------------------------------------------------------------------------------

CREATE INDEX use_case_instances_by_name ON use_case_instances (use_case_name);
CREATE INDEX instance_users_by_user ON instance_users (user_id);

CREATE TABLE use_case_totals (
  use_case_name INTEGER PRIMARY KEY REFERENCES names (id),
  events INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  input_units INTEGER NOT NULL,
  output_units INTEGER NOT NULL,
  first_us INTEGER NOT NULL,
  last_us INTEGER NOT NULL
) STRICT;

CREATE TABLE instance_versions (
  instance INTEGER NOT NULL REFERENCES use_case_instances (id),
  version INTEGER NOT NULL,
  first_us INTEGER NOT NULL,
  last_us INTEGER NOT NULL,
  events INTEGER NOT NULL,
  PRIMARY KEY (instance, version)
) STRICT, WITHOUT ROWID;

-- Histograms of end_to_end_latency_ms: how many events fell into each bucket, which latency_ms names by its middle.
-- A bucket is 1 ms wide below 32 ms and a sixteenth of its power of two above, so that a percentile is off by
-- 3.2 % at the most. Histograms are merged by adding up the buckets of the same name.
CREATE TABLE instance_latencies (
  instance INTEGER NOT NULL REFERENCES use_case_instances (id),
  latency_ms INTEGER NOT NULL,
  events INTEGER NOT NULL,
  PRIMARY KEY (instance, latency_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_hour_latencies (
  hour INTEGER NOT NULL,
  use_case_name INTEGER NOT NULL,
  category INTEGER NOT NULL,
  resource INTEGER NOT NULL,
  latency_ms INTEGER NOT NULL,
  events INTEGER NOT NULL,
  PRIMARY KEY (hour, use_case_name, category, resource, latency_ms)
) STRICT, WITHOUT ROWID;

-- ---- Sinks -------------------------------------------------------------------------------------------

-- An exception may be held, too: until its use case instance has been given an id.
CREATE INDEX sink_held ON sink_exceptions (sink, event) WHERE state = 'held';

-- ---- What is known already ----------------------------------------------------------------------------

INSERT INTO use_case_totals
SELECT i.use_case_name, sum(t.events), sum(t.failures), sum(t.input_units), sum(t.output_units), min(t.first_us),
       max(t.last_us)
FROM instance_totals t JOIN use_case_instances i ON i.id = t.instance GROUP BY i.use_case_name;

-- Row by row, as agent/store/rollups.c adds them, and not by GROUP BY, which would sort all events in memory.
INSERT INTO instance_versions
SELECT instance, use_case_version, event_timestamp_us, event_timestamp_us, 1
FROM events WHERE instance IS NOT NULL AND use_case_version IS NOT NULL
ON CONFLICT DO UPDATE SET first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us),
  events = events + 1;

-- The bucket of agent/store/latency.c: buckets of one width lie between 16 and 32 times that; those of 1 ms go down to 0.
CREATE TEMP VIEW event_latencies AS
WITH RECURSIVE widths (width) AS (
  SELECT 1 UNION ALL SELECT 2 * width FROM widths WHERE width < 67108864
), latencies AS (
  SELECT instance, event_timestamp_us / 3600000000 AS hour, category, coalesce(resource, 0) AS resource,
         max(end_to_end_latency_ms, 0) AS ms
  FROM events WHERE end_to_end_latency_ms IS NOT NULL
)
SELECT l.*, l.ms - l.ms % w.width + w.width / 2 AS latency_ms
FROM latencies l CROSS JOIN widths w ON l.ms < 32 * w.width AND (l.ms >= 16 * w.width OR w.width = 1);

INSERT INTO instance_latencies
SELECT instance, latency_ms, 1 FROM event_latencies WHERE instance IS NOT NULL
ON CONFLICT DO UPDATE SET events = events + 1;

INSERT INTO usage_hour_latencies
SELECT l.hour, coalesce(i.use_case_name, 0), l.category, l.resource, l.latency_ms, 1
FROM event_latencies l LEFT JOIN use_case_instances i ON i.id = l.instance WHERE true
ON CONFLICT DO UPDATE SET events = events + 1;

DROP VIEW temp.event_latencies;
