-- What users cost, apart from instances: an instance that gathers what came without an id has all users of its use case,
-- and would have a row for each of them and each day.

CREATE TABLE user_usage (
  use_case_name INTEGER NOT NULL REFERENCES names (id),
  user_id INTEGER NOT NULL REFERENCES names (id),
  day INTEGER NOT NULL,                -- days since 1970, UTC
  category INTEGER NOT NULL,
  resource INTEGER NOT NULL,
  unit_type INTEGER NOT NULL REFERENCES names (id),
  events INTEGER NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  PRIMARY KEY (use_case_name, user_id, day, category, resource, unit_type)
) STRICT, WITHOUT ROWID;

INSERT INTO user_usage
SELECT i.use_case_name, v.user_id, v.day, v.category, v.resource, v.unit_type, v.events, v.input, v.output
FROM instance_usage v JOIN use_case_instances i ON i.id = v.instance WHERE v.user_id <> 0
ON CONFLICT DO UPDATE SET events = events + excluded.events, input = input + excluded.input,
  output = output + excluded.output;

CREATE TABLE instance_usage_before AS SELECT * FROM instance_usage;
DROP TABLE instance_usage;

-- Units of an instance, by all that a price depends on.
CREATE TABLE instance_usage (
  instance INTEGER NOT NULL REFERENCES use_case_instances (id),
  day INTEGER NOT NULL,                -- days since 1970, UTC
  category INTEGER NOT NULL,
  resource INTEGER NOT NULL,
  unit_type INTEGER NOT NULL REFERENCES names (id),
  events INTEGER NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  PRIMARY KEY (instance, day, category, resource, unit_type)
) STRICT, WITHOUT ROWID;

INSERT INTO instance_usage
SELECT instance, day, category, resource, unit_type, events, input, output FROM instance_usage_before WHERE true
ON CONFLICT DO UPDATE SET events = events + excluded.events, input = input + excluded.input,
  output = output + excluded.output;

DROP TABLE instance_usage_before;

-- One row per use case and user, as before; what it cost is of all time, too.
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

