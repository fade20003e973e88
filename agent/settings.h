/*
 * The agent's settings: one table, from which the struct, the configuration file, the environment, the
 * flags, --help and the commented sample file are made. Flags beat the environment, which beats the
 * file, which beats the defaults.
 *
 * SETTINGS(X) calls X(section, name, type, value, env, help): [section] name = … in the file, --name
 * (with dashes) as a flag, env as the environment variables that are read, in their order, separated by
 * spaces; the default as text. A SECRET has no flag, and is never shown.
 */
#ifndef PAYI_SETTINGS_H
#define PAYI_SETTINGS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define SETTINGS(X) \
	X(agent,  data_dir,         TEXT,   "",       "PAYI_DATA_DIR", \
	  "directory of the database payi.db; empty: /var/lib/payi where that can be written, else below $XDG_STATE_HOME or ~/.local/state") \
	X(agent,  ring_dir,         TEXT,   "",       "PAYI_RING_DIR", \
	  "directory of the rings, on tmpfs; empty: /run/payi/rings where that exists, else /dev/shm/payi-UID") \
	X(agent,  log_level,        TEXT,   "info",   "PAYI_LOG", "debug, info, warn or error") \
	X(agent,  log_format,       TEXT,   "logfmt", "PAYI_LOG_FORMAT", "logfmt or json") \
	X(store,  sync,             TEXT,   "full",   "", \
	  "full: what was given back to a ring survives a power cut; normal: faster, the last moments may not") \
	X(store,  commit_events,    INT,    "8192",   "", "events in one transaction, at the most (1 to 65536)") \
	X(payi,   base_url,         TEXT,   "https://api.pay-i.com", "ASCERTA_BASE_URL PAYI_BASE_URL", \
	  "where the service is; some accounts have a host of their own") \
	X(payi,   api_key,          SECRET, "",       "ASCERTA_API_KEY PAYI_API_KEY", \
	  "the application's key; empty: work offline, and send when there is one") \
	X(payi,   api_key_file,     TEXT,   "",       "PAYI_API_KEY_FILE", "a file that holds the key, read again when it changes") \
	X(payi,   ca_file,          TEXT,   "",       "", "PEM file of the authorities to trust; empty: the system's") \
	X(payi,   allow_insecure,   BOOL,   "no",     "", "allow plain http:// to a host that is not this one") \
	X(payi,   batch_events,     INT,    "100",    "", "events in one request, at the most (1 to 10000)") \
	X(payi,   batch_bytes,      INT,    "524288", "", "bytes of one request, at the most; a larger event goes alone (1024 to 67108864)") \
	X(payi,   batch_age_ms,     INT,    "2000",   "", "how long an event may wait for others to share its request (0 to 3600000)") \
	X(payi,   in_flight,        INT,    "4",      "", "requests under way at once, at the most (1 to 64)") \
	X(payi,   timeout_s,        INT,    "60",     "", "how long a request may take (1 to 3600)") \
	X(payi,   shutdown_flush_s, INT,    "5",      "", "how long a stopping agent may go on sending (0 to 3600)")
/* clang-format on */

#define SETTING_TYPE_TEXT   char *
#define SETTING_TYPE_SECRET char *
#define SETTING_TYPE_INT    int64_t
#define SETTING_TYPE_BOOL   bool

struct settings {
#define X(section, name, type, value, env, help) SETTING_TYPE_##type name;
	SETTINGS(X)
#undef X
	char *config_file; /* --config; empty: /etc/payi/agent.conf where that exists */
};

#endif
