-- Dead letters that are dropped: they stay in the history, and are counted.

-- An exception may be discarded, too: it was dead, and the operator gave it up.
ALTER TABLE sink_exceptions ADD COLUMN discarded_us INTEGER;

-- What is dead or discarded is counted and listed often, among many that are neither.
CREATE INDEX sink_dead ON sink_exceptions (sink, event) WHERE state = 'dead';
CREATE INDEX sink_discarded ON sink_exceptions (sink, event) WHERE state = 'discarded';

-- Per sink: stored = delivered + waiting + deferred + held + dead + discarded.
DROP VIEW sink_books;
CREATE VIEW sink_books AS
SELECT k.name AS sink,
       a.last_event_id AS stored,
       k.delivered,
       a.last_event_id - k.position
         - (SELECT coalesce(sum(t.last_id - t.after_id), 0) FROM sink_settled t WHERE t.sink = k.name) AS waiting,
       (SELECT count(*) FROM sink_exceptions x WHERE x.sink = k.name AND x.state = 'deferred') AS deferred,
       (SELECT count(*) FROM sink_exceptions x WHERE x.sink = k.name AND x.state = 'dead') AS dead,
       (SELECT count(*) FROM sink_exceptions x WHERE x.sink = k.name AND x.state = 'held') AS held,
       (SELECT count(*) FROM sink_exceptions x WHERE x.sink = k.name AND x.state = 'discarded') AS discarded
FROM sinks k, agent_state a;
