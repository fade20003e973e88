-- What it costs, as an estimate: units by their prices.
--
-- Money is whole picodollars (US dollars / 10^12), so that sums are exact and the same whichever way they are made. A price counts by the unit, and from one day of UTC to another, as Pay-i's do: so an
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

DROP TABLE instance_units;
