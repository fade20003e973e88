-- The history. Tables are the agent's own and may change; people read the views of views.sql.
--
-- Times are microseconds since 1970-01-01 UTC (…_us). Strings that repeat (names of categories, use cases,
-- users, …) stand once in names; 0 means none.

CREATE TABLE names (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

-- One row: the last event id given out. Ids ascend for ever, also when retention has emptied events.
CREATE TABLE agent_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  last_event_id INTEGER NOT NULL,
  epoch INTEGER NOT NULL
) STRICT;
INSERT INTO agent_state VALUES (1, 0, 0);

-- ---- Rings: where events come from, and the exactly-once position in each ---------------------------

CREATE TABLE rings (
  id INTEGER PRIMARY KEY,
  ring_id BLOB NOT NULL UNIQUE,        -- 16 random bytes; the file is ring.<hex>
  app_name TEXT NOT NULL,
  pid INTEGER NOT NULL,                -- as the process itself saw it: a label
  uid INTEGER NOT NULL,                -- owner of the file, by the kernel
  created_us INTEGER NOT NULL,
  seen_us INTEGER NOT NULL,            -- when an agent first saw it
  state TEXT NOT NULL,                 -- open, closed (owner gone, all stored), aside (made no sense)
  reason TEXT,                         -- why aside
  closed_us INTEGER,
  dropped_busy INTEGER NOT NULL DEFAULT 0
) STRICT;

-- attempted = stored + rejected + refused + dropped_full + dropped_too_big + in flight (0 or 1)
CREATE TABLE lanes (
  ring INTEGER NOT NULL REFERENCES rings (id),
  lane INTEGER NOT NULL,
  position INTEGER NOT NULL,           -- read up to here; committed with what was read
  sequence INTEGER NOT NULL,           -- of the last record read: stored + rejected
  rejected INTEGER NOT NULL,           -- records that were not accepted, or went to a database before this one
  attempted INTEGER NOT NULL,          -- the client's own counters, as last read
  refused INTEGER NOT NULL,
  dropped_full INTEGER NOT NULL,
  dropped_too_big INTEGER NOT NULL,
  PRIMARY KEY (ring, lane)
) STRICT, WITHOUT ROWID;

-- Records that were whole in the ring but are no valid event, kept as they were: the last 10,000, and the
-- first 64 KiB of each.
CREATE TABLE rejected_records (
  id INTEGER PRIMARY KEY,
  ring INTEGER NOT NULL REFERENCES rings (id),
  lane INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  rejected_us INTEGER NOT NULL,
  reason TEXT NOT NULL,
  record_bytes INTEGER NOT NULL,       -- of the whole record
  record BLOB NOT NULL
) STRICT;

-- ---- Events ------------------------------------------------------------------------------------------

CREATE TABLE use_case_instances (
  id INTEGER PRIMARY KEY,
  use_case_name INTEGER NOT NULL REFERENCES names (id),
  use_case_id TEXT                     -- NULL gathers the events that came with a name and no id
) STRICT;
CREATE UNIQUE INDEX use_case_instances_by_id ON use_case_instances (use_case_id, use_case_name);
CREATE UNIQUE INDEX use_case_instances_without_id ON use_case_instances (use_case_name) WHERE use_case_id IS NULL;

CREATE TABLE events (
  id INTEGER PRIMARY KEY,              -- ascends in the order of storing; the sinks' cursors count it
  ring INTEGER NOT NULL REFERENCES rings (id),
  stored_us INTEGER NOT NULL,
  event_timestamp_us INTEGER NOT NULL,
  instance INTEGER REFERENCES use_case_instances (id),
  category INTEGER NOT NULL REFERENCES names (id),
  resource INTEGER REFERENCES names (id),
  units TEXT NOT NULL,                 -- {"text":{"input":1200,"output":300}}
  input_units INTEGER NOT NULL,
  output_units INTEGER NOT NULL,
  end_to_end_latency_ms INTEGER,
  time_to_first_token_ms INTEGER,
  http_status_code INTEGER,
  provider_response_id TEXT NOT NULL,
  use_case_step INTEGER REFERENCES names (id),
  use_case_version INTEGER,
  use_case_properties TEXT,
  properties TEXT,
  limit_ids TEXT,
  user_id INTEGER REFERENCES names (id),
  account_name INTEGER REFERENCES names (id),
  scope INTEGER REFERENCES names (id),
  record BLOB NOT NULL                 -- the whole event, as tracked: msgpack, keys as in event_fields.h
) STRICT;
CREATE INDEX events_by_time ON events (event_timestamp_us);
CREATE INDEX events_by_instance ON events (instance, event_timestamp_us) WHERE instance IS NOT NULL;
CREATE INDEX events_by_user ON events (user_id, event_timestamp_us) WHERE user_id IS NOT NULL;

-- ---- Rollups: what is known of instances and hours after the events themselves are gone ---------------
--
-- Each is a primary key and sums, minima and maxima, which agent/store/rollups.c names again. All go by
-- event time, so events that come late or out of order are right, too.

CREATE TABLE instance_totals (
  instance INTEGER PRIMARY KEY REFERENCES use_case_instances (id),
  events INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  input_units INTEGER NOT NULL,        -- over all unit types
  output_units INTEGER NOT NULL,
  latency_count INTEGER NOT NULL,
  latency_sum_ms INTEGER NOT NULL,
  latency_max_ms INTEGER NOT NULL,
  first_us INTEGER NOT NULL,
  last_us INTEGER NOT NULL
) STRICT;
CREATE INDEX instance_totals_by_time ON instance_totals (last_us);

CREATE TABLE instance_units (
  instance INTEGER NOT NULL REFERENCES use_case_instances (id),
  unit_type INTEGER NOT NULL REFERENCES names (id),
  events INTEGER NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  PRIMARY KEY (instance, unit_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE instance_steps (
  instance INTEGER NOT NULL REFERENCES use_case_instances (id),
  step INTEGER NOT NULL REFERENCES names (id),
  first_us INTEGER NOT NULL,
  last_us INTEGER NOT NULL,
  events INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  input_units INTEGER NOT NULL,
  output_units INTEGER NOT NULL,
  PRIMARY KEY (instance, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE instance_users (
  instance INTEGER NOT NULL REFERENCES use_case_instances (id),
  user_id INTEGER NOT NULL REFERENCES names (id),
  events INTEGER NOT NULL,
  PRIMARY KEY (instance, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_hours (
  hour INTEGER NOT NULL,               -- hours since 1970, UTC
  use_case_name INTEGER NOT NULL,
  category INTEGER NOT NULL,
  resource INTEGER NOT NULL,
  events INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  input_units INTEGER NOT NULL,
  output_units INTEGER NOT NULL,
  latency_count INTEGER NOT NULL,
  latency_sum_ms INTEGER NOT NULL,
  latency_max_ms INTEGER NOT NULL,
  PRIMARY KEY (hour, use_case_name, category, resource)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_hour_units (
  hour INTEGER NOT NULL,
  use_case_name INTEGER NOT NULL,
  category INTEGER NOT NULL,
  resource INTEGER NOT NULL,
  unit_type INTEGER NOT NULL,
  events INTEGER NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  PRIMARY KEY (hour, use_case_name, category, resource, unit_type)
) STRICT, WITHOUT ROWID;

-- ---- Sinks -------------------------------------------------------------------------------------------

-- Every event up to position is settled: delivered, or named in sink_exceptions.
CREATE TABLE sinks (
  name TEXT PRIMARY KEY,
  position INTEGER NOT NULL,
  delivered INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'starting',  -- what it is doing, for people: sending, idle, offline, …
  last_success_us INTEGER,
  last_error TEXT,
  last_error_us INTEGER,
  next_try_us INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO sinks (name, position) VALUES ('payi', 0);

-- Batches settled ahead of the position, while an earlier one was still under way: (after_id, last_id].
CREATE TABLE sink_settled (
  sink TEXT NOT NULL REFERENCES sinks (name),
  after_id INTEGER NOT NULL,
  last_id INTEGER NOT NULL,
  PRIMARY KEY (sink, after_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sink_exceptions (
  sink TEXT NOT NULL REFERENCES sinks (name),
  event INTEGER NOT NULL REFERENCES events (id),
  state TEXT NOT NULL,                 -- deferred (to be sent again), dead (refused for good)
  attempts INTEGER NOT NULL,
  retry_us INTEGER,
  http_status INTEGER,
  code TEXT,                           -- the service's error code
  message TEXT,
  first_us INTEGER NOT NULL,
  last_us INTEGER NOT NULL,
  PRIMARY KEY (sink, event)
) STRICT, WITHOUT ROWID;
-- The dead stay for good, and shall not slow down the search for what is to be sent again.
CREATE INDEX sink_deferred ON sink_exceptions (sink, event, retry_us) WHERE state = 'deferred';
