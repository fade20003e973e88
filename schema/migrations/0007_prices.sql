-- What it costs, as an estimate: units by their prices.
--
-- Money is whole picodollars (US dollars / 10^12), so that sums are exact and the same whichever way they are made; text
-- columns have it in dollars. A price counts by the unit, and from one day of UTC to another, as Pay-i's do: so an
-- event, an hour and an instance's day have one price each, and rollups can be priced when a list comes late.

CREATE TABLE prices (
  id INTEGER PRIMARY KEY,
  category INTEGER NOT NULL REFERENCES names (id),
  resource INTEGER NOT NULL REFERENCES names (id),
  unit_type INTEGER NOT NULL REFERENCES names (id),
  rank INTEGER NOT NULL,               -- 0: from the operator's file, which goes first; 1: from the service
  from_day INTEGER NOT NULL,           -- days since 1970; of those that have begun, the latest is in force
  until_day INTEGER NOT NULL,          -- not included; 2932897 (the year 10000): open
  input INTEGER,                       -- picodollars a unit; NULL: no price
  output INTEGER
) STRICT;
CREATE UNIQUE INDEX prices_in_force ON prices (category, resource, unit_type, rank, from_day DESC);

-- What the service was asked for prices of.
CREATE TABLE price_asks (
  category INTEGER NOT NULL REFERENCES names (id),
  resource INTEGER NOT NULL REFERENCES names (id),
  state TEXT NOT NULL,                 -- waiting (for another try), known, refused (the service has none)
  attempts INTEGER NOT NULL,
  retry_us INTEGER NOT NULL,           -- asked again then
  http_status INTEGER,
  code TEXT,
  message TEXT,
  PRIMARY KEY (category, resource)
) STRICT, WITHOUT ROWID;

-- What the service said that an event cost, where its answers say so: picodollars.
CREATE TABLE service_costs (
  event INTEGER PRIMARY KEY REFERENCES events (id),
  input INTEGER,
  output INTEGER,
  total INTEGER NOT NULL
) STRICT;

-- ---- Rollups -------------------------------------------------------------------------------------------

-- Units of an instance, by all that a price depends on, and by user: in the place of instance_units. 0: none; what was
-- known of no day or resource, since its events were gone before this table came, has 0 there, too, and no price.
CREATE TABLE instance_usage (
  instance INTEGER NOT NULL REFERENCES use_case_instances (id),
  day INTEGER NOT NULL,                -- days since 1970, UTC
  user_id INTEGER NOT NULL,
  category INTEGER NOT NULL,
  resource INTEGER NOT NULL,
  unit_type INTEGER NOT NULL REFERENCES names (id),
  events INTEGER NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  PRIMARY KEY (instance, day, user_id, category, resource, unit_type)
) STRICT, WITHOUT ROWID;

-- Row by row, as agent/store/rollups.c adds them, and not by GROUP BY, which would sort all events in memory.
INSERT INTO instance_usage
SELECT e.instance, e.event_timestamp_us / 86400000000, coalesce(e.user_id, 0), e.category, coalesce(e.resource, 0), n.id,
       1, coalesce(j.value ->> '$.input', 0), coalesce(j.value ->> '$.output', 0)
FROM events e CROSS JOIN json_each(e.units) j CROSS JOIN names n ON n.text = j.key
WHERE e.instance IS NOT NULL
ON CONFLICT DO UPDATE SET events = events + 1, input = input + excluded.input, output = output + excluded.output;

INSERT INTO instance_usage
SELECT b.instance, 0, 0, 0, 0, b.unit_type, b.events - coalesce(sum(v.events), 0), b.input - coalesce(sum(v.input), 0),
       b.output - coalesce(sum(v.output), 0)
FROM instance_units b LEFT JOIN instance_usage v ON v.instance = b.instance AND v.unit_type = b.unit_type
GROUP BY b.instance, b.unit_type
HAVING b.events > coalesce(sum(v.events), 0);

-- ---- Views ---------------------------------------------------------------------------------------------

DROP VIEW event_history;
CREATE VIEW event_history AS
SELECT b.*,
       CASE WHEN b.estimated_cost_picousd IS NOT NULL THEN
         rtrim(rtrim(printf('%d.%012d', b.estimated_cost_picousd / 1000000000000, b.estimated_cost_picousd % 1000000000000), '0'), '.') END AS estimated_cost_usd,
       CASE WHEN b.service_cost_picousd IS NOT NULL THEN
         rtrim(rtrim(printf('%d.%012d', b.service_cost_picousd / 1000000000000, b.service_cost_picousd % 1000000000000), '0'), '.') END AS service_cost_usd
FROM (
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
       e.instance,                          -- as in use_case_history
       (SELECT sum(coalesce(j.value ->> '$.input', 0) * coalesce(p.input, 0)
                   + coalesce(j.value ->> '$.output', 0) * coalesce(p.output, 0))
        FROM json_each(e.units) j CROSS JOIN names n ON n.text = j.key
        CROSS JOIN prices p ON p.id = (SELECT q.id FROM prices q
          WHERE q.category = e.category AND q.resource = e.resource
            AND q.unit_type = n.id AND q.from_day <= e.event_timestamp_us / 86400000000 AND q.until_day > e.event_timestamp_us / 86400000000
          ORDER BY q.rank, q.from_day DESC LIMIT 1)
        WHERE EXISTS (SELECT 1 FROM prices)) AS estimated_cost_picousd,   -- units by their prices on the day of the event
       (SELECT group_concat(j.key, ', ')
        FROM json_each(e.units) j CROSS JOIN names n ON n.text = j.key
        LEFT JOIN prices p ON p.id = (SELECT q.id FROM prices q
          WHERE q.category = e.category AND q.resource = e.resource
            AND q.unit_type = n.id AND q.from_day <= e.event_timestamp_us / 86400000000 AND q.until_day > e.event_timestamp_us / 86400000000
          ORDER BY q.rank, q.from_day DESC LIMIT 1)
        WHERE EXISTS (SELECT 1 FROM prices)
          AND (j.value ->> '$.input' > 0 AND p.input IS NULL OR j.value ->> '$.output' > 0 AND p.output IS NULL)) AS unpriced_units,   -- unit types that have no price
       y.total AS service_cost_picousd     -- what the service said that it cost
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
LEFT JOIN use_case_handles h ON h.instance = e.instance
LEFT JOIN service_costs y ON y.event = e.id) b;

DROP VIEW use_case_history;
CREATE VIEW use_case_history AS
SELECT b.*,
       CASE WHEN b.estimated_cost_picousd IS NOT NULL THEN
         rtrim(rtrim(printf('%d.%012d', b.estimated_cost_picousd / 1000000000000, b.estimated_cost_picousd % 1000000000000), '0'), '.') END AS estimated_cost_usd
FROM (
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
         (SELECT n.text AS type, sum(v.input) AS input, sum(v.output) AS output
          FROM instance_usage v JOIN names n ON n.id = v.unit_type
          WHERE v.instance = i.id GROUP BY n.text ORDER BY n.text) q) AS units,
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
       h.given_id AS service_id,
       (SELECT sum(v.input * coalesce(p.input, 0) + v.output * coalesce(p.output, 0))
        FROM instance_usage v CROSS JOIN prices p ON p.id = (SELECT q.id FROM prices q
          WHERE q.category = v.category AND q.resource = v.resource
            AND q.unit_type = v.unit_type AND q.from_day <= v.day AND q.until_day > v.day
          ORDER BY q.rank, q.from_day DESC LIMIT 1)
        WHERE EXISTS (SELECT 1 FROM prices) AND v.instance = i.id) AS estimated_cost_picousd,
       (SELECT group_concat(q.text, ', ') FROM (SELECT DISTINCT n.text FROM instance_usage v JOIN names n ON n.id = v.unit_type
        LEFT JOIN prices p ON p.id = (SELECT q.id FROM prices q
          WHERE q.category = v.category AND q.resource = v.resource
            AND q.unit_type = v.unit_type AND q.from_day <= v.day AND q.until_day > v.day
          ORDER BY q.rank, q.from_day DESC LIMIT 1)
        WHERE EXISTS (SELECT 1 FROM prices) AND v.instance = i.id
          AND (v.input > 0 AND p.input IS NULL OR v.output > 0 AND p.output IS NULL) ORDER BY n.text) q) AS unpriced_units
FROM instance_totals t
JOIN use_case_instances i ON i.id = t.instance
JOIN names u ON u.id = i.use_case_name
LEFT JOIN use_case_handles h ON h.instance = i.id) b;

DROP VIEW usage_by_hour;
CREATE VIEW usage_by_hour AS
SELECT b.*,
       CASE WHEN b.estimated_cost_picousd IS NOT NULL THEN
         rtrim(rtrim(printf('%d.%012d', b.estimated_cost_picousd / 1000000000000, b.estimated_cost_picousd % 1000000000000), '0'), '.') END AS estimated_cost_usd
FROM (
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
        WHERE q.upto * 100 >= q.n * 99 ORDER BY q.latency_ms LIMIT 1)) AS latency_p99_ms,
       (SELECT sum(v.input * coalesce(p.input, 0) + v.output * coalesce(p.output, 0))
        FROM usage_hour_units v CROSS JOIN prices p ON p.id = (SELECT q.id FROM prices q
          WHERE q.category = v.category AND q.resource = v.resource
            AND q.unit_type = v.unit_type AND q.from_day <= v.hour / 24 AND q.until_day > v.hour / 24
          ORDER BY q.rank, q.from_day DESC LIMIT 1)
        WHERE EXISTS (SELECT 1 FROM prices) AND v.hour = h.hour AND v.use_case_name = h.use_case_name
          AND v.category = h.category AND v.resource = h.resource) AS estimated_cost_picousd,
       (SELECT group_concat(q.text, ', ') FROM (SELECT DISTINCT n.text FROM usage_hour_units v JOIN names n ON n.id = v.unit_type
        LEFT JOIN prices p ON p.id = (SELECT q.id FROM prices q
          WHERE q.category = v.category AND q.resource = v.resource
            AND q.unit_type = v.unit_type AND q.from_day <= v.hour / 24 AND q.until_day > v.hour / 24
          ORDER BY q.rank, q.from_day DESC LIMIT 1)
        WHERE EXISTS (SELECT 1 FROM prices) AND v.hour = h.hour AND v.use_case_name = h.use_case_name
          AND v.category = h.category AND v.resource = h.resource
          AND (v.input > 0 AND p.input IS NULL OR v.output > 0 AND p.output IS NULL) ORDER BY n.text) q) AS unpriced_units
FROM usage_hour_list t
CROSS JOIN usage_hours h ON h.hour = t.hour
LEFT JOIN names u ON u.id = h.use_case_name
LEFT JOIN names c ON c.id = h.category
LEFT JOIN names r ON r.id = h.resource) b;

DROP VIEW use_case_users;
CREATE VIEW use_case_users AS
SELECT b.*,
       CASE WHEN b.estimated_cost_picousd IS NOT NULL THEN
         rtrim(rtrim(printf('%d.%012d', b.estimated_cost_picousd / 1000000000000, b.estimated_cost_picousd % 1000000000000), '0'), '.') END AS estimated_cost_usd
FROM (
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
       max(v.last_us) AS last_us,
       sum((SELECT sum(w.input * coalesce(p.input, 0) + w.output * coalesce(p.output, 0))
        FROM instance_usage w CROSS JOIN prices p ON p.id = (SELECT q.id FROM prices q
          WHERE q.category = w.category AND q.resource = w.resource
            AND q.unit_type = w.unit_type AND q.from_day <= w.day AND q.until_day > w.day
          ORDER BY q.rank, q.from_day DESC LIMIT 1)
        WHERE EXISTS (SELECT 1 FROM prices) AND w.instance = v.instance AND w.user_id = v.user_id)) AS estimated_cost_picousd
FROM instance_users v
JOIN use_case_instances i ON i.id = v.instance
JOIN names u ON u.id = i.use_case_name
JOIN names n ON n.id = v.user_id
GROUP BY u.text, n.text) b;

DROP TABLE instance_units;

-- The prices there are, those of the operator's file first.
CREATE VIEW price_list AS
SELECT c.text AS category,
       r.text AS resource,
       n.text AS unit_type,
       CASE p.rank WHEN 0 THEN 'file' ELSE 'service' END AS source,
       date(p.from_day * 86400, 'unixepoch') AS from_day,
       CASE WHEN p.until_day < 2932897 THEN date(p.until_day * 86400, 'unixepoch') END AS until_day,
       CASE WHEN p.input IS NOT NULL THEN
         rtrim(rtrim(printf('%d.%012d', p.input / 1000000000000, p.input % 1000000000000), '0'), '.') END AS input_usd,
       CASE WHEN p.output IS NOT NULL THEN
         rtrim(rtrim(printf('%d.%012d', p.output / 1000000000000, p.output % 1000000000000), '0'), '.') END AS output_usd,
       p.input AS input_picousd,
       p.output AS output_picousd
FROM prices p
JOIN names c ON c.id = p.category
JOIN names r ON r.id = p.resource
JOIN names n ON n.id = p.unit_type;

-- What was used and has no price, hour by hour.
CREATE VIEW unpriced_usage AS
SELECT strftime('%Y-%m-%dT%H:00:00Z', v.hour * 3600, 'unixepoch') AS hour,
       u.text AS use_case_name,
       c.text AS category,
       r.text AS resource,
       n.text AS unit_type,
       v.events,
       CASE WHEN p.input IS NULL THEN v.input ELSE 0 END AS input_units,
       CASE WHEN p.output IS NULL THEN v.output ELSE 0 END AS output_units,
       v.hour * 3600000000 AS hour_us
FROM usage_hour_units v
JOIN names n ON n.id = v.unit_type
JOIN names c ON c.id = v.category
LEFT JOIN names u ON u.id = v.use_case_name
LEFT JOIN names r ON r.id = v.resource
LEFT JOIN prices p ON p.id = (SELECT q.id FROM prices q
          WHERE q.category = v.category AND q.resource = v.resource
            AND q.unit_type = v.unit_type AND q.from_day <= v.hour / 24 AND q.until_day > v.hour / 24
          ORDER BY q.rank, q.from_day DESC LIMIT 1)
WHERE v.input > 0 AND p.input IS NULL OR v.output > 0 AND p.output IS NULL;
