-- The views, which are for people: they are documented in the README, keep their columns, and may get more behind them.
--
-- They are made anew whenever a migration has changed the tables. So what changes here alone wants a migration, too: one
-- without a statement.
--
-- Times are microseconds since 1970-01-01 UTC (…_us), and stand beside it as text. Percentiles of latencies are by nearest
-- rank, from histograms: latency_pNN_ms is the middle of the bucket that holds the event of that rank (but no more than the
-- maximum), and 3.2 % off at the most. Costs are estimates, in whole picodollars, so that sums are exact; text columns have
-- them in dollars.

DROP VIEW IF EXISTS event_history;
DROP VIEW IF EXISTS event_units;
DROP VIEW IF EXISTS use_case_history;
DROP VIEW IF EXISTS use_cases;
DROP VIEW IF EXISTS use_case_steps;
DROP VIEW IF EXISTS use_case_users;
DROP VIEW IF EXISTS use_case_distribution;
DROP VIEW IF EXISTS usage_hour_list;
DROP VIEW IF EXISTS usage_by_hour;
DROP VIEW IF EXISTS usage_changes_by_hour;
DROP VIEW IF EXISTS usage_changes_by_day;
DROP VIEW IF EXISTS price_list;
DROP VIEW IF EXISTS unpriced_usage;
DROP VIEW IF EXISTS sink_books;

-- ---- Events ------------------------------------------------------------------------------------------

-- Events, one by one. Instances by their number: as in use_case_history.
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

-- One row per event and unit type, for sums by type.
CREATE VIEW event_units AS
SELECT e.id AS event,
       e.event_timestamp_us,
       j.key AS unit_type,
       j.value ->> '$.input' AS input,
       j.value ->> '$.output' AS output
FROM events e, json_each(e.units) j;

-- ---- Use case instances ------------------------------------------------------------------------------

-- Use case instances, those that were created and have no event yet among them: these were seen when created. Steps in the
-- order of their first use.
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
          WHERE v.instance = i.id ORDER BY v.first_us, v.step) q) AS steps,
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
          WHERE v.instance = i.id ORDER BY v.first_us, v.step) q) AS step_events,   -- in order of first use
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

-- ---- Use cases ---------------------------------------------------------------------------------------

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
       (SELECT sum(w.input * coalesce(p.input, 0) + w.output * coalesce(p.output, 0))
        FROM user_usage w CROSS JOIN prices p ON p.id = (SELECT q.id FROM prices q
          WHERE q.category = w.category AND q.resource = w.resource
            AND q.unit_type = w.unit_type AND q.from_day <= w.day AND q.until_day > w.day
          ORDER BY q.rank, q.from_day DESC LIMIT 1)
        WHERE EXISTS (SELECT 1 FROM prices) AND w.use_case_name = i.use_case_name AND w.user_id = v.user_id) AS estimated_cost_picousd
FROM instance_users v
JOIN use_case_instances i ON i.id = v.instance
JOIN names u ON u.id = i.use_case_name
JOIN names n ON n.id = v.user_id
GROUP BY u.text, n.text) b;

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

-- ---- Usage -------------------------------------------------------------------------------------------

-- The hours that have usage: few, found by leaps. What asks for a time is told the hours first, then their rows.
CREATE VIEW usage_hour_list AS
WITH RECURSIVE hours (hour) AS
  (SELECT min(hour) FROM usage_hours
   UNION ALL
   SELECT (SELECT min(h.hour) FROM usage_hours h WHERE h.hour > t.hour) FROM hours t WHERE t.hour IS NOT NULL)
SELECT hour, hour * 3600000000 AS hour_us FROM hours WHERE hour IS NOT NULL;

-- Sums of each hour, by use case, category and resource.
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

-- ---- Prices ------------------------------------------------------------------------------------------

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

-- ---- Sinks -------------------------------------------------------------------------------------------

-- Per sink: stored = delivered + waiting + deferred + held + dead + discarded.
CREATE VIEW sink_books AS
SELECT k.name AS sink,
       a.last_event_id AS stored,
       k.delivered,
       a.last_event_id - k.position
         - (SELECT coalesce(sum(t.last_id - t.after_id), 0) FROM sink_settled t WHERE t.sink = k.name) AS waiting,
       (SELECT count(*) FROM sink_exceptions x WHERE x.sink = k.name AND x.state = 'deferred') AS deferred,
       (SELECT count(*) FROM sink_exceptions x WHERE x.sink = k.name AND x.state = 'dead') AS dead,
       (SELECT count(*) FROM sink_exceptions x WHERE x.sink = k.name AND x.state = 'held') AS held,
       k.discarded
         + (SELECT count(*) FROM sink_exceptions x WHERE x.sink = k.name AND x.state = 'discarded') AS discarded
FROM sinks k, agent_state a;
