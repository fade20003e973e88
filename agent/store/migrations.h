/* The files of schema/migrations, embedded at build time; user_version n means that n are applied. */
#ifndef PAYI_STORE_MIGRATIONS_H
#define PAYI_STORE_MIGRATIONS_H

extern const char *const schema_migrations[];
extern const int schema_n_migrations;

#endif
