-- Dead letters that are dropped: they stay in the history, and are counted.

-- An exception may be discarded, too: it was dead, and the operator gave it up.
ALTER TABLE sink_exceptions ADD COLUMN discarded_us INTEGER;

-- What is dead or discarded is counted and listed often, among many that are neither.
CREATE INDEX sink_dead ON sink_exceptions (sink, event) WHERE state = 'dead';
CREATE INDEX sink_discarded ON sink_exceptions (sink, event) WHERE state = 'discarded';
