/*
 * What the agent makes sure of before it begins: where it writes, and what its environment would have it do. At the
 * start, in one thread.
 */
#ifndef PAYI_SURROUNDINGS_H
#define PAYI_SURROUNDINGS_H

#include "base/err.h"

/*
 * Takes out of the environment what would give secrets away. SSLKEYLOGFILE has libcurl write the keys of each TLS
 * connection to a file, and so, to whoever reads that and the wire, Pay-i's key: useful at a desk, and easily
 * inherited from one. Nothing else is touched: SQLITE_TMPDIR and TMPDIR are asked for nothing, since temporary tables are
 * in memory; CURL_HOME and .netrc are read by the curl command alone; the proxy's variables are wanted; and
 * who can set LD_PRELOAD or OPENSSL_CONF, which load code, can do as well without us.
 */
void surroundings_clean(void);

/*
 * Makes the data directory, and those above it that are missing, for this user alone. ERR_CONFIG: everybody can write to
 * it, so that anybody could put another database in the place of ours. Logs what else is not as it should be: a
 * group that may write, a file system where a database is not safe or does not last.
 */
int surroundings_make_data_dir(const char *path, struct err *err);

#endif
