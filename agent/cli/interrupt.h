/*
 * Ctrl-C, and what else politely ends a command, as a question instead of an end: for commands that have something to
 * say or to put right at theirs. From interrupt_block() on, for the rest of the process. One thread.
 */
#ifndef PAYI_CLI_INTERRUPT_H
#define PAYI_CLI_INTERRUPT_H

#include <stdbool.h>

/* SIGINT, SIGTERM and SIGHUP wait from now on; and a pipe that nobody reads is an error of the write to it. */
void interrupt_block(void);

/* Whether one of them has come. The argument is for those who are given a question to ask; any will do. */
bool interrupt_came(void *nothing);

/* A descriptor that becomes readable when one of them comes, to be closed; -1 with errno. Reading it is not needed. */
int interrupt_fd(void);

#endif
