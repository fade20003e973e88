/*
 * The agent's settings: one table, from which the struct, the configuration file, the environment, the
 * flags, --help and the commented sample file are made. Flags beat the environment, which beats the
 * files, which beat the defaults.
 *
 * A struct settings is never changed once it is loaded: a reload makes another one, whole and checked, or none. The
 * thread that loaded it is the only one that reads it; other threads are handed the values that they need.
 *
 * SETTINGS(X) calls X(section, name, type, value, rule, effect, env, help): [section] name = … in the file,
 * --name (with dashes) as a flag, env as the environment variables that are read, in their order, separated
 * by spaces; value is the default, as text. A SECRET has no flag, and is never shown. effect is LIVE when a
 * reload changes it in a running agent (reload.c hands it on), else AT_START.
 */
#ifndef PAYI_SETTINGS_H
#define PAYI_SETTINGS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What a value may be, beyond its type: anything, a number of a range, one word of a list. */
struct setting_rule {
	int64_t min;
	int64_t max;
	const char *words; /* separated by spaces; NULL: any text */
};

/* clang-format off */
#define SETTING_ANY           {0, 0, NULL}
#define SETTING_RANGE(lo, hi) {(lo), (hi), NULL}
#define SETTING_WORDS(list)   {0, 0, (list)}

#define SETTINGS(X) \
	X(agent,  data_dir,         TEXT,   "",       SETTING_ANY, AT_START, "PAYI_DATA_DIR", \
	  "directory of the database payi.db; empty: /var/lib/payi where that can be written, else payi below $XDG_STATE_HOME or ~/.local/state") \
	X(agent,  ring_dir,         TEXT,   "",       SETTING_ANY, AT_START, "PAYI_RING_DIR", \
	  "directory of the rings, on tmpfs; empty: /run/payi/rings where that exists, else /dev/shm/payi-UID") \
	X(agent,  log_level,        TEXT,   "info",   SETTING_WORDS("debug info warn error"), LIVE, "PAYI_LOG", \
	  "the least level that is logged") \
	X(agent,  log_format,       TEXT,   "logfmt", SETTING_WORDS("logfmt json"), AT_START, "PAYI_LOG_FORMAT", \
	  "how a line of the log is written") \
	X(agent,  core_dumps,       BOOL,   "no",     SETTING_ANY, AT_START, "", \
	  "a crash may leave a core file, and a debugger of the same user may attach; both see the key") \
	X(store,  sync,             TEXT,   "full",   SETTING_WORDS("full normal"), AT_START, "", \
	  "full: what was given back to a ring survives a power cut; normal: faster, the last moments may not") \
	X(store,  corrupt_database, TEXT,   "set-aside", SETTING_WORDS("set-aside refuse"), LIVE, "", \
	  "a damaged database: set-aside renames it and begins a new one; refuse ends the agent, and rings wait") \
	X(store,  commit_events,    INT,    "8192",   SETTING_RANGE(1, 65536), LIVE, "", "events in one transaction, at the most") \
	X(retention, events_days,   INT,    "90",     SETTING_RANGE(0, 36500), LIVE, "", \
	  "days that an event is kept after it was stored and delivered; 0: for ever, as far as there is room") \
	X(retention, dead_days,     INT,    "0",      SETTING_RANGE(0, 36500), LIVE, "", \
	  "days after which a dead letter is given up, and goes as a delivered event does; 0: never by itself") \
	X(retention, rollups_days,  INT,    "400",    SETTING_RANGE(0, 36500), LIVE, "", \
	  "days that summaries are kept: of hours, and of use case instances not seen since; 0: for ever") \
	X(retention, max_mb,        INT,    "16384",  SETTING_RANGE(0, 1073741824), LIVE, "", \
	  "MiB that the database may take before what may go goes early; 0: no bound") \
	X(retention, min_free_mb,   INT,    "512",    SETTING_RANGE(0, 1073741824), LIVE, "", \
	  "MiB of its file system that shall be free (of a small one, a tenth at the most), likewise; 0: any") \
	X(retention, drop_bodies,   TEXT,   "delivered", SETTING_WORDS("none delivered all"), LIVE, "", \
	  "whose requests, responses and headers go before any event does when room is short; all: of events that wait, too") \
	X(retention, drop_undelivered, BOOL, "no",    SETTING_ANY, LIVE, "", \
	  "events that were not delivered may go, too: after events_days, and when room is short and nothing else may") \
	X(prices, prices_file,      TEXT,   "",       SETTING_ANY, LIVE, "", \
	  "a JSON file of prices, for estimates of cost; its prices go before the service's; read again at SIGHUP; see the README") \
	X(prices, prices_from_service, BOOL, "yes",   SETTING_ANY, AT_START, "", \
	  "ask the service for the prices of resources that are used: once a day for each") \
	X(payi,   base_url,         TEXT,   "https://api.pay-i.com", SETTING_ANY, AT_START, "ASCERTA_BASE_URL PAYI_BASE_URL", \
	  "where the service is; some accounts have a host of their own") \
	X(payi,   api_key,          SECRET, "",       SETTING_ANY, LIVE, "ASCERTA_API_KEY PAYI_API_KEY", \
	  "the application's key; empty: work offline, and send when there is one") \
	X(payi,   api_key_file,     TEXT,   "",       SETTING_ANY, LIVE, "PAYI_API_KEY_FILE", \
	  "a file that holds the key, read again when it changes; empty: systemd's credential payi-api-key, if there is one") \
	X(payi,   ca_file,          TEXT,   "",       SETTING_ANY, AT_START, "", \
	  "PEM file of the authorities to trust; empty: the system's") \
	X(payi,   client_cert,      TEXT,   "",       SETTING_ANY, AT_START, "", \
	  "PEM file of a certificate to show to the service, or to a gateway before it; empty: none") \
	X(payi,   client_key,       TEXT,   "",       SETTING_ANY, AT_START, "", \
	  "PEM file of that certificate's key, without a passphrase; empty: it is in the same file") \
	X(payi,   gzip,             BOOL,   "no",     SETTING_ANY, AT_START, "", \
	  "compress requests; a service that takes none (415) gets them plain from then on") \
	X(payi,   allow_insecure,   BOOL,   "no",     SETTING_ANY, AT_START, "", "allow plain http:// to a host that is not this one") \
	X(payi,   batch_events,     INT,    "100",    SETTING_RANGE(1, 10000), LIVE, "", "events in one request, at the most") \
	X(payi,   batch_bytes,      INT,    "524288", SETTING_RANGE(1024, 67108864), LIVE, "", \
	  "bytes of one request, at the most; a larger event goes alone") \
	X(payi,   batch_age_ms,     INT,    "2000",   SETTING_RANGE(0, 3600000), LIVE, "", \
	  "how long an event may wait for others to share its request") \
	X(payi,   in_flight,        INT,    "4",      SETTING_RANGE(1, 64), AT_START, "", "requests under way at once, at the most") \
	X(payi,   drain_rate,       INT,    "0",      SETTING_RANGE(0, 1000000), AT_START, "", \
	  "events of a backlog in a second, at the most, while new ones go by it; 0: as fast as it goes, in order") \
	X(payi,   timeout_s,        INT,    "60",     SETTING_RANGE(1, 3600), LIVE, "", "how long a request may take") \
	X(payi,   shutdown_flush_s, INT,    "5",      SETTING_RANGE(0, 3600), LIVE, "", "how long a stopping agent may go on sending; to a service that has never answered it, 0.7 s") \
	X(http,   http_listen,      TEXT,   "",       SETTING_ANY, AT_START, "", \
	  "address and port for the local HTTP beside its Unix socket DATA_DIR/agent.sock, as 127.0.0.1:9464; empty: none") \
	X(http,   http_allow_remote, BOOL,  "no",     SETTING_ANY, AT_START, "", \
	  "http_listen may be an address that other hosts reach; http_token_file must be set") \
	X(http,   http_token_file,  TEXT,   "",       SETTING_ANY, AT_START, "", \
	  "a file with a token that clients of http_listen must send (Authorization: Bearer ...); read at start") \
	X(http,   http_host,        TEXT,   "",       SETTING_ANY, AT_START, "", \
	  "one more name by which clients may call this host (Host header), beside localhost and http_listen's")
/* clang-format on */

/* SETTING_data_dir, and so on: a setting's place in settings_table. */
enum {
#define X(section, name, type, value, rule, effect, env, help) SETTING_##name,
	SETTINGS(X)
#undef X
		SETTINGS_N
};

#define SETTING_TYPE_TEXT   char *
#define SETTING_TYPE_SECRET char *
#define SETTING_TYPE_INT    int64_t
#define SETTING_TYPE_BOOL   bool

/* What the command line said, as text: NULL where a flag was not given. Borrowed from argv. */
struct settings_flags {
	const char *config_file; /* --config */
	const char *value[SETTINGS_N];
	/*
	 * NULL: what is wrong in a file or in the environment is an error. Else the first that is wrong is told there (code 0:
	 * none was), it is passed over, and all the rest counts: for those who only look at an agent that runs with other settings.
	 */
	struct err *passed_over;
};

struct settings {
#define X(section, name, type, value, rule, effect, env, help) SETTING_TYPE_##type name;
	SETTINGS(X)
#undef X
	char *config_file; /* the file that was read; empty: none, but perhaps some of its directory */
	char *database;    /* data_dir/payi.db */
	char *origin
		[SETTINGS_N]; /* where each came from: "default", "/etc/payi/agent.conf:12", … */
	struct settings_flags flags; /* that it was loaded with */
};

/*
 * Reads everything there is: defaults, the file (--config, else PAYI_CONFIG, else /etc/payi/agent.conf where
 * that exists), the files *.conf of the directory that is called as it with ".d" added, in the order of their
 * names, each beating those before it; the environment, the flags; then fills in the directories that were left
 * empty. On success give *settings to settings_release(). ERR_CONFIG: the text says where, what, and what is
 * allowed.
 */
int settings_load(struct settings *settings, const struct settings_flags *flags, struct err *err);
void settings_release(struct settings *settings);

/* Takes the secrets of the environment out of ps and /proc; settings_load() still finds them. At start, in one thread. */
void settings_hide_secrets(void);

/*
 * Takes the values of *next that are LIVE over into *settings, and releases *next: what is AT_START stays as it is, since
 * it stays in force.
 */
void settings_adopt(struct settings *settings, struct settings *next);

/* ---- The table, for those who make flags or listings of it ---- */

enum setting_type { SETTING_TEXT, SETTING_SECRET, SETTING_INT, SETTING_BOOL };
enum setting_effect { SETTING_LIVE, SETTING_AT_START };

struct setting {
	const char *section;
	const char *name;
	enum setting_type type;
	const char *value;
	struct setting_rule rule;
	enum setting_effect effect;
	const char *env;
	const char *help;
};

extern const struct setting settings_table[SETTINGS_N];

enum { SETTING_TEXT_BYTES = 256 };

/* What is allowed, in words: "1 to 64", "one of: full normal", "yes or no"; "" where anything is. */
const char *setting_allowed(const struct setting *setting, char text[SETTING_TEXT_BYTES]);

/* Whether the two have the same value of it. */
bool settings_agree(const struct settings *a, const struct settings *b, int setting);

/* Writes the effective value as text; of a secret only whether there is one. */
void settings_print_value(const struct settings *settings, int setting, FILE *out);

/* A configuration file with every setting, its meaning and its default, all commented out. */
void settings_sample(FILE *out);

#endif
