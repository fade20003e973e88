-- Ten million events: what is asked for of many instances is found in fewer places.

-- The use case of an instance stands beside its sums, and in the index by which the last seen are found: so neither those
-- that are of another use case nor those that began later are looked up.
ALTER TABLE instance_totals ADD COLUMN use_case_name INTEGER NOT NULL DEFAULT 0;
UPDATE instance_totals
SET use_case_name =
  coalesce((SELECT i.use_case_name FROM use_case_instances i WHERE i.id = instance_totals.instance), 0);
DROP INDEX instance_totals_by_time;
CREATE INDEX instance_totals_by_time ON instance_totals (last_us, first_us, use_case_name);

-- As before, but for the order of steps that were first used at the same microsecond, everywhere: that in which they came up.
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

-- ---- Events in few bytes ------------------------------------------------------------------------------

-- What usage is made of, of up to 64 events in a row that fall into an hour: agent/store/pack.h says in which bytes.
CREATE TABLE event_packs (
  id INTEGER PRIMARY KEY,
  hour INTEGER NOT NULL,               -- hours since 1970, UTC
  block INTEGER NOT NULL,              -- the events' ids, divided by 64
  remaining INTEGER NOT NULL,          -- events in it that are not gone
  gone INTEGER NOT NULL DEFAULT 0,     -- a bit for each id: the event was deleted
  pack BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_packs_by_hour ON event_packs (hour, block);

CREATE TRIGGER event_packs_cut AFTER DELETE ON events BEGIN
  UPDATE event_packs SET remaining = remaining - 1, gone = gone | (1 << OLD.id % 64)
  WHERE hour = OLD.event_timestamp_us / 3600000000 AND block = OLD.id / 64;
  DELETE FROM event_packs
  WHERE hour = OLD.event_timestamp_us / 3600000000 AND block = OLD.id / 64 AND remaining = 0;
END;

-- Events before this one were stored by an earlier agent, and are in no pack; those of hours before that one need not be in any:
-- when the rollups of an hour go, its packs do, and the names of unit types that both refer to may.
ALTER TABLE agent_state ADD COLUMN packed_from INTEGER NOT NULL DEFAULT 1;
ALTER TABLE agent_state ADD COLUMN packed_from_hour INTEGER NOT NULL DEFAULT -1000000000;
UPDATE agent_state SET packed_from = last_event_id + 1;
