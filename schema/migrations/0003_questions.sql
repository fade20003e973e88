-- What people ask of use cases, as views. Those of before keep their columns and have more behind them.
--
-- Percentiles are by nearest rank, from histograms: latency_pNN_ms is the middle of the bucket that holds the
-- event of that rank (but no more than the maximum), and 3.2 % off at the most.

-- ---- Users cost, too ----------------------------------------------------------------------------------

CREATE TABLE instance_users_before AS SELECT * FROM instance_users;
DROP TABLE instance_users;

CREATE TABLE instance_users (
  instance INTEGER NOT NULL REFERENCES use_case_instances (id),
  user_id INTEGER NOT NULL REFERENCES names (id),
  first_us INTEGER NOT NULL,
  last_us INTEGER NOT NULL,
  events INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  input_units INTEGER NOT NULL,
  output_units INTEGER NOT NULL,
  PRIMARY KEY (instance, user_id)
) STRICT, WITHOUT ROWID;

-- What retention has taken away is counted with its events alone, and at the times of its instance.
INSERT INTO instance_users
SELECT *
FROM (SELECT b.instance, b.user_id, t.first_us, t.last_us,
             b.events - (SELECT count(*) FROM events e WHERE e.instance = b.instance AND e.user_id = b.user_id) AS gone,
             0, 0, 0
      FROM instance_users_before b JOIN instance_totals t ON t.instance = b.instance)
WHERE gone > 0;

-- Row by row, as agent/store/rollups.c adds them, and not by GROUP BY, which would sort all events in memory.
INSERT INTO instance_users
SELECT instance, user_id, event_timestamp_us, event_timestamp_us, 1,
       coalesce(http_status_code >= 400 OR http_status_code = 299, 0), input_units, output_units
FROM events WHERE instance IS NOT NULL AND user_id IS NOT NULL
ON CONFLICT DO UPDATE SET first_us = min(first_us, excluded.first_us), last_us = max(last_us, excluded.last_us),
  events = events + 1, failures = failures + excluded.failures, input_units = input_units + excluded.input_units,
  output_units = output_units + excluded.output_units;

DROP TABLE instance_users_before;
CREATE INDEX instance_users_by_user ON instance_users (user_id);

-- ---- Events and instances -----------------------------------------------------------------------------

DROP VIEW event_history;
CREATE VIEW event_history AS
SELECT e.id AS event,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.event_timestamp_us / 1e6, 'unixepoch') AS event_time,
       u.text AS use_case_name,
       i.use_case_id,
       s.text AS use_case_step,
       e.use_case_version,
       c.text AS category,
       r.text AS resource,
       e.input_units,
       e.output_units,
       e.units,
       e.end_to_end_latency_ms,
       e.time_to_first_token_ms,
       e.http_status_code,
       coalesce(e.http_status_code >= 400 OR e.http_status_code = 299, 0) AS failed,
       n.text AS user_id,
       a.text AS account_name,
       o.text AS scope,
       e.limit_ids,
       e.properties,
       e.use_case_properties,
       e.provider_response_id,
       g.app_name,
       CASE WHEN x.state IS NOT NULL THEN x.state
            WHEN e.id <= k.position THEN 'delivered'
            WHEN EXISTS (SELECT 1 FROM sink_settled t
                         WHERE t.sink = 'payi' AND e.id > t.after_id AND e.id <= t.last_id) THEN 'delivered'
            ELSE 'waiting' END AS delivery,
       e.event_timestamp_us,
       e.stored_us,
       h.given_id AS service_id,           -- where use_case_id is a handle: the id that the service gave for it
       e.instance                          -- as in use_case_history
FROM events e
JOIN sinks k ON k.name = 'payi'
LEFT JOIN use_case_instances i ON i.id = e.instance
LEFT JOIN names u ON u.id = i.use_case_name
LEFT JOIN names c ON c.id = e.category
LEFT JOIN names r ON r.id = e.resource
LEFT JOIN names s ON s.id = e.use_case_step
LEFT JOIN names n ON n.id = e.user_id
LEFT JOIN names a ON a.id = e.account_name
LEFT JOIN names o ON o.id = e.scope
LEFT JOIN rings g ON g.id = e.ring
LEFT JOIN sink_exceptions x ON x.sink = 'payi' AND x.event = e.id
LEFT JOIN use_case_handles h ON h.instance = e.instance;

-- Use case instances, those that were created and have no event yet among them: these were seen when created.
DROP VIEW use_case_history;
CREATE VIEW use_case_history AS
SELECT u.text AS use_case_name,
       i.use_case_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.first_us / 1e6, 'unixepoch') AS first_seen,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.last_us / 1e6, 'unixepoch') AS last_seen,
       (t.last_us - t.first_us) / 1000000 AS duration_s,
       t.events,
       t.failures,
       t.input_units,
       t.output_units,
       (SELECT json_group_object(q.type, json_object('input', q.input, 'output', q.output)) FROM
         (SELECT n.text AS type, v.input, v.output FROM instance_units v JOIN names n ON n.id = v.unit_type
          WHERE v.instance = i.id ORDER BY n.text) q) AS units,
       (SELECT group_concat(q.step, ', ') FROM
         (SELECT n.text AS step FROM instance_steps v JOIN names n ON n.id = v.step
          WHERE v.instance = i.id ORDER BY v.first_us, n.text) q) AS steps,
       (SELECT count(*) FROM instance_users v WHERE v.instance = i.id) AS users,
       t.latency_sum_ms * 1.0 / nullif(t.latency_count, 0) AS latency_mean_ms,
       CASE WHEN t.latency_count > 0 THEN t.latency_max_ms END AS latency_max_ms,
       i.id AS instance,
       t.first_us,
       t.last_us,
       (SELECT json_group_array(q.version) FROM
         (SELECT v.version FROM instance_versions v WHERE v.instance = i.id ORDER BY v.version) q) AS versions,
       (SELECT json_group_object(q.step, q.events) FROM
         (SELECT n.text AS step, v.events FROM instance_steps v JOIN names n ON n.id = v.step
          WHERE v.instance = i.id ORDER BY v.first_us, n.text) q) AS step_events,   -- in order of first use
       min(t.latency_max_ms, (SELECT q.latency_ms FROM
         (SELECT v.latency_ms, sum(v.events) OVER (ORDER BY v.latency_ms) AS upto, sum(v.events) OVER () AS n
          FROM instance_latencies v WHERE v.instance = i.id) q
        WHERE q.upto * 100 >= q.n * 50 ORDER BY q.latency_ms LIMIT 1)) AS latency_p50_ms,
       min(t.latency_max_ms, (SELECT q.latency_ms FROM
         (SELECT v.latency_ms, sum(v.events) OVER (ORDER BY v.latency_ms) AS upto, sum(v.events) OVER () AS n
          FROM instance_latencies v WHERE v.instance = i.id) q
        WHERE q.upto * 100 >= q.n * 95 ORDER BY q.latency_ms LIMIT 1)) AS latency_p95_ms,
       min(t.latency_max_ms, (SELECT q.latency_ms FROM
         (SELECT v.latency_ms, sum(v.events) OVER (ORDER BY v.latency_ms) AS upto, sum(v.events) OVER () AS n
          FROM instance_latencies v WHERE v.instance = i.id) q
        WHERE q.upto * 100 >= q.n * 99 ORDER BY q.latency_ms LIMIT 1)) AS latency_p99_ms,
       max(0, unixepoch('now') - t.last_us / 1000000) AS idle_s,   -- since last seen; an instance has no end
       h.state AS service_id_state,        -- where use_case_id is a handle: waiting, given or refused
       h.given_id AS service_id
FROM instance_totals t
JOIN use_case_instances i ON i.id = t.instance
JOIN names u ON u.id = i.use_case_name
LEFT JOIN use_case_handles h ON h.instance = i.id;

-- ---- Use cases ----------------------------------------------------------------------------------------

-- One row per use case, whether it was defined (explicit) or only ever used (implicit).
CREATE VIEW use_cases AS
SELECT u.text AS use_case_name,
       d.description,
       CASE WHEN d.use_case_name IS NULL THEN 'implicit' ELSE 'explicit' END AS definition,
       d.state AS service_state,           -- of an explicit one: waiting (to be told the service), told, refused
       d.message AS service_message,       -- why refused
       strftime('%Y-%m-%dT%H:%M:%fZ', t.first_us / 1e6, 'unixepoch') AS first_seen,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.last_us / 1e6, 'unixepoch') AS last_seen,
       (SELECT count(*) FROM use_case_instances i WHERE i.use_case_name = u.id) AS instances,
       coalesce(t.events, 0) AS events,
       coalesce(t.failures, 0) AS failures,
       coalesce(t.input_units, 0) AS input_units,
       coalesce(t.output_units, 0) AS output_units,
       t.first_us,
       t.last_us
FROM (SELECT use_case_name FROM use_case_totals UNION SELECT use_case_name FROM use_case_definitions) k
JOIN names u ON u.id = k.use_case_name
LEFT JOIN use_case_totals t ON t.use_case_name = u.id
LEFT JOIN use_case_definitions d ON d.use_case_name = u.id;

-- One row per use case and step. Events without a step are in none.
CREATE VIEW use_case_steps AS
SELECT u.text AS use_case_name,
       s.text AS use_case_step,
       count(*) AS instances,
       sum(v.events) AS events,
       sum(v.failures) AS failures,
       sum(v.input_units) AS input_units,
       sum(v.output_units) AS output_units,
       strftime('%Y-%m-%dT%H:%M:%fZ', min(v.first_us) / 1e6, 'unixepoch') AS first_seen,
       strftime('%Y-%m-%dT%H:%M:%fZ', max(v.last_us) / 1e6, 'unixepoch') AS last_seen,
       min(v.first_us) AS first_us,
       max(v.last_us) AS last_us
FROM instance_steps v
JOIN use_case_instances i ON i.id = v.instance
JOIN names u ON u.id = i.use_case_name
JOIN names s ON s.id = v.step
GROUP BY u.text, s.text;

-- One row per use case and user. Events without a user are in none.
CREATE VIEW use_case_users AS
SELECT u.text AS use_case_name,
       n.text AS user_id,
       count(*) AS instances,
       sum(v.events) AS events,
       sum(v.failures) AS failures,
       sum(v.input_units) AS input_units,
       sum(v.output_units) AS output_units,
       strftime('%Y-%m-%dT%H:%M:%fZ', min(v.first_us) / 1e6, 'unixepoch') AS first_seen,
       strftime('%Y-%m-%dT%H:%M:%fZ', max(v.last_us) / 1e6, 'unixepoch') AS last_seen,
       min(v.first_us) AS first_us,
       max(v.last_us) AS last_us
FROM instance_users v
JOIN use_case_instances i ON i.id = v.instance
JOIN names u ON u.id = i.use_case_name
JOIN names n ON n.id = v.user_id
GROUP BY u.text, n.text;

-- One row per use case: how its instances that have events differ. Medians and percentiles by nearest rank, exact.
CREATE VIEW use_case_distribution AS
SELECT k.use_case_name,
       k.instances,
       k.units_min,
       (SELECT min(q.x) FROM
         (SELECT t.input_units + t.output_units AS x, row_number() OVER (ORDER BY t.input_units + t.output_units) AS rank
          FROM use_case_instances i JOIN instance_totals t ON t.instance = i.id
          WHERE i.use_case_name = k.name AND t.events > 0) q
        WHERE q.rank * 100 >= k.instances * 50) AS units_median,
       (SELECT min(q.x) FROM
         (SELECT t.input_units + t.output_units AS x, row_number() OVER (ORDER BY t.input_units + t.output_units) AS rank
          FROM use_case_instances i JOIN instance_totals t ON t.instance = i.id
          WHERE i.use_case_name = k.name AND t.events > 0) q
        WHERE q.rank * 100 >= k.instances * 95) AS units_p95,
       k.units_max,
       k.events_min,
       (SELECT min(q.x) FROM
         (SELECT t.events AS x, row_number() OVER (ORDER BY t.events) AS rank
          FROM use_case_instances i JOIN instance_totals t ON t.instance = i.id
          WHERE i.use_case_name = k.name AND t.events > 0) q
        WHERE q.rank * 100 >= k.instances * 50) AS events_median,
       (SELECT min(q.x) FROM
         (SELECT t.events AS x, row_number() OVER (ORDER BY t.events) AS rank
          FROM use_case_instances i JOIN instance_totals t ON t.instance = i.id
          WHERE i.use_case_name = k.name AND t.events > 0) q
        WHERE q.rank * 100 >= k.instances * 95) AS events_p95,
       k.events_max,
       k.duration_min_s,
       (SELECT min(q.x) FROM
         (SELECT (t.last_us - t.first_us) / 1000000 AS x, row_number() OVER (ORDER BY (t.last_us - t.first_us) / 1000000) AS rank
          FROM use_case_instances i JOIN instance_totals t ON t.instance = i.id
          WHERE i.use_case_name = k.name AND t.events > 0) q
        WHERE q.rank * 100 >= k.instances * 50) AS duration_median_s,
       (SELECT min(q.x) FROM
         (SELECT (t.last_us - t.first_us) / 1000000 AS x, row_number() OVER (ORDER BY (t.last_us - t.first_us) / 1000000) AS rank
          FROM use_case_instances i JOIN instance_totals t ON t.instance = i.id
          WHERE i.use_case_name = k.name AND t.events > 0) q
        WHERE q.rank * 100 >= k.instances * 95) AS duration_p95_s,
       k.duration_max_s
FROM (SELECT u.id AS name, u.text AS use_case_name, count(*) AS instances,
             min(t.input_units + t.output_units) AS units_min, max(t.input_units + t.output_units) AS units_max,
             min(t.events) AS events_min, max(t.events) AS events_max,
             min((t.last_us - t.first_us) / 1000000) AS duration_min_s,
             max((t.last_us - t.first_us) / 1000000) AS duration_max_s
      FROM use_case_instances i
      JOIN instance_totals t ON t.instance = i.id
      JOIN names u ON u.id = i.use_case_name
      WHERE t.events > 0
      GROUP BY u.text) k;

-- ---- Usage --------------------------------------------------------------------------------------------

-- The hours that have usage: few, found by leaps. What asks for a time is told the hours first, then their rows.
CREATE VIEW usage_hour_list AS
WITH RECURSIVE hours (hour) AS
  (SELECT min(hour) FROM usage_hours
   UNION ALL
   SELECT (SELECT min(h.hour) FROM usage_hours h WHERE h.hour > t.hour) FROM hours t WHERE t.hour IS NOT NULL)
SELECT hour, hour * 3600000000 AS hour_us FROM hours WHERE hour IS NOT NULL;

DROP VIEW usage_by_hour;
CREATE VIEW usage_by_hour AS
SELECT strftime('%Y-%m-%dT%H:00:00Z', t.hour * 3600, 'unixepoch') AS hour,
       u.text AS use_case_name,
       c.text AS category,
       r.text AS resource,
       h.events,
       h.failures,
       h.input_units,
       h.output_units,
       (SELECT json_group_object(q.type, json_object('input', q.input, 'output', q.output)) FROM
         (SELECT n.text AS type, v.input, v.output FROM usage_hour_units v JOIN names n ON n.id = v.unit_type
          WHERE v.hour = h.hour AND v.use_case_name = h.use_case_name AND v.category = h.category
            AND v.resource = h.resource ORDER BY n.text) q) AS units,
       h.latency_sum_ms * 1.0 / nullif(h.latency_count, 0) AS latency_mean_ms,
       CASE WHEN h.latency_count > 0 THEN h.latency_max_ms END AS latency_max_ms,
       t.hour_us,
       min(h.latency_max_ms, (SELECT q.latency_ms FROM
         (SELECT v.latency_ms, sum(v.events) OVER (ORDER BY v.latency_ms) AS upto, sum(v.events) OVER () AS n
          FROM usage_hour_latencies v
          WHERE v.hour = h.hour AND v.use_case_name = h.use_case_name AND v.category = h.category
            AND v.resource = h.resource) q
        WHERE q.upto * 100 >= q.n * 50 ORDER BY q.latency_ms LIMIT 1)) AS latency_p50_ms,
       min(h.latency_max_ms, (SELECT q.latency_ms FROM
         (SELECT v.latency_ms, sum(v.events) OVER (ORDER BY v.latency_ms) AS upto, sum(v.events) OVER () AS n
          FROM usage_hour_latencies v
          WHERE v.hour = h.hour AND v.use_case_name = h.use_case_name AND v.category = h.category
            AND v.resource = h.resource) q
        WHERE q.upto * 100 >= q.n * 95 ORDER BY q.latency_ms LIMIT 1)) AS latency_p95_ms,
       min(h.latency_max_ms, (SELECT q.latency_ms FROM
         (SELECT v.latency_ms, sum(v.events) OVER (ORDER BY v.latency_ms) AS upto, sum(v.events) OVER () AS n
          FROM usage_hour_latencies v
          WHERE v.hour = h.hour AND v.use_case_name = h.use_case_name AND v.category = h.category
            AND v.resource = h.resource) q
        WHERE q.upto * 100 >= q.n * 99 ORDER BY q.latency_ms LIMIT 1)) AS latency_p99_ms
FROM usage_hour_list t
CROSS JOIN usage_hours h ON h.hour = t.hour
LEFT JOIN names u ON u.id = h.use_case_name
LEFT JOIN names c ON c.id = h.category
LEFT JOIN names r ON r.id = h.resource;

-- Each hour that has usage beside the hour before it: one row per use case, category and resource of either.
CREATE VIEW usage_changes_by_hour AS
SELECT strftime('%Y-%m-%dT%H:00:00Z', t.hour * 3600, 'unixepoch') AS hour,
       u.text AS use_case_name,
       c.text AS category,
       r.text AS resource,
       sum(CASE WHEN h.hour < t.hour THEN h.events ELSE 0 END) AS events_before,
       sum(CASE WHEN h.hour = t.hour THEN h.events ELSE 0 END) AS events,
       sum(CASE WHEN h.hour < t.hour THEN h.failures ELSE 0 END) AS failures_before,
       sum(CASE WHEN h.hour = t.hour THEN h.failures ELSE 0 END) AS failures,
       sum(CASE WHEN h.hour < t.hour THEN h.input_units + h.output_units ELSE 0 END) AS units_before,
       sum(CASE WHEN h.hour = t.hour THEN h.input_units + h.output_units ELSE 0 END) AS units,
       t.hour_us
FROM usage_hour_list t
CROSS JOIN usage_hours h ON h.hour BETWEEN t.hour - 1 AND t.hour
LEFT JOIN names u ON u.id = h.use_case_name
LEFT JOIN names c ON c.id = h.category
LEFT JOIN names r ON r.id = h.resource
GROUP BY t.hour, h.use_case_name, h.category, h.resource;

-- Likewise by days of UTC.
CREATE VIEW usage_changes_by_day AS
WITH RECURSIVE days (day) AS
  (SELECT min(hour) / 24 FROM usage_hours
   UNION ALL
   SELECT (SELECT min(h.hour) / 24 FROM usage_hours h WHERE h.hour >= t.day * 24 + 24) FROM days t WHERE t.day IS NOT NULL)
SELECT date(t.day * 86400, 'unixepoch') AS day,
       u.text AS use_case_name,
       c.text AS category,
       r.text AS resource,
       sum(CASE WHEN h.hour < t.day * 24 THEN h.events ELSE 0 END) AS events_before,
       sum(CASE WHEN h.hour >= t.day * 24 THEN h.events ELSE 0 END) AS events,
       sum(CASE WHEN h.hour < t.day * 24 THEN h.failures ELSE 0 END) AS failures_before,
       sum(CASE WHEN h.hour >= t.day * 24 THEN h.failures ELSE 0 END) AS failures,
       sum(CASE WHEN h.hour < t.day * 24 THEN h.input_units + h.output_units ELSE 0 END) AS units_before,
       sum(CASE WHEN h.hour >= t.day * 24 THEN h.input_units + h.output_units ELSE 0 END) AS units,
       t.day * 86400000000 AS day_us
FROM days t
CROSS JOIN usage_hours h ON h.hour BETWEEN t.day * 24 - 24 AND t.day * 24 + 23
LEFT JOIN names u ON u.id = h.use_case_name
LEFT JOIN names c ON c.id = h.category
LEFT JOIN names r ON r.id = h.resource
GROUP BY t.day, h.use_case_name, h.category, h.resource;
