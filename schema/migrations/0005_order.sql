-- Order: events of one use case instance go out in the order of their ids.

-- While an exception is deferred or held, later events of this instance wait; NULL: none do.
ALTER TABLE sink_exceptions ADD COLUMN instance INTEGER;
UPDATE sink_exceptions SET instance =
  (SELECT i.id FROM events e JOIN use_case_instances i ON i.id = e.instance
   WHERE e.id = sink_exceptions.event AND i.use_case_id IS NOT NULL)
WHERE state IN ('deferred', 'held');

CREATE INDEX sink_waiting ON sink_exceptions (sink, instance, state, event) WHERE instance IS NOT NULL;
