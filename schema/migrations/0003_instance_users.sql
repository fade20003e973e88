-- Users cost, too: what each of them did in an instance, and when.

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
