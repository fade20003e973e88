-- Ten million events: what is asked for of many instances is found in fewer places.

-- The use case of an instance stands beside its sums, and in the index by which the last seen are found: so neither those
-- that are of another use case nor those that began later are looked up.
ALTER TABLE instance_totals ADD COLUMN use_case_name INTEGER NOT NULL DEFAULT 0;
UPDATE instance_totals
SET use_case_name =
  coalesce((SELECT i.use_case_name FROM use_case_instances i WHERE i.id = instance_totals.instance), 0);
DROP INDEX instance_totals_by_time;
CREATE INDEX instance_totals_by_time ON instance_totals (last_us, first_us, use_case_name);

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
