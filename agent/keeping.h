/*
 * What the settings say of retention, in the store's terms.
 */
#ifndef PAYI_KEEPING_H
#define PAYI_KEEPING_H

#include "settings.h"
#include "store/retention.h"

struct retention_policy keeping_policy(const struct settings *settings);

#endif
