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
