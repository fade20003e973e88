/* The files of schema/, embedded at build time; user_version n means that n migrations are applied, and the views are theirs. */
#ifndef PAYI_STORE_MIGRATIONS_H
#define PAYI_STORE_MIGRATIONS_H

extern const char *const schema_migrations[];
extern const int schema_n_migrations;
extern const char *const schema_views; /* may be applied to any database of the last version */

#endif
