/*
 * What keeps the service's key from those who may look at this process: ps, /proc, debuggers, core files. At start,
 * before there are threads.
 */
#ifndef PAYI_BASE_SECRECY_H
#define PAYI_BASE_SECRECY_H

/*
 * No core file is written, and no other process of this user may look into this one's memory or environment, or trace
 * it (root may). The kernel then shows /proc/PID as root's.
 */
void secrecy_seal(void);

/*
 * Moves the value of a variable of the environment away from where the kernel shows it (ps e, /proc/PID/environ);
 * getenv() finds it as before. Nothing where it is not set, or memory is short.
 */
void secrecy_hide_variable(const char *name);

#endif
