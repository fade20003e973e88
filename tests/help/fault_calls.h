/*
 * Calls that fail: those of libc, of the system and of SQLite that the code under test makes. Each place in it fails once: a
 * place is a call and the way that led there, so that a failure is tried on its way out through every caller.
 *
 *     do {
 *             fault_calls_arm();
 *             status = what_is_tested();
 *             failed = fault_calls_disarm();
 *             … judge, undo …
 *     } while (failed);
 *
 * A statement of SQLite fails by its own means, an interruption, with all that it then does to the transaction. For
 * programs of tests/unit/ whose name ends with _calls: CMakeLists.txt links these with the functions wrapped.
 */
#ifndef PAYI_TESTS_FAULT_CALLS_H
#define PAYI_TESTS_FAULT_CALLS_H

/* The next call from a place that has not failed yet fails, and none after it. */
void fault_calls_arm(void);

/* The name of the function that failed since; NULL: each place has failed before. */
const char *fault_calls_disarm(void);

/* Called before each call, of which it is told the name, armed or not; NULL: not any more. For what others do meanwhile. */
void fault_calls_before(void (*act)(const char *name));

/* How many have failed so far. */
int fault_calls_places(void);

#endif
