/* What was tracked, as candidates for the shell's completion. */
#ifndef PAYI_CLI_COMPLETE_NAMES_H
#define PAYI_CLI_COMPLETE_NAMES_H

/*
 * Prints the use cases, categories or resources of late that begin as last does, a line each, for the option of that name; nothing
 * for other options, where there is no database, or when it would take long.
 */
void complete_names(const char *option, const char *last);

#endif
