/* The agent's file of a ring directory: its answers, mapped read-only. */
#ifndef PAYI_CLIENT_AGENT_FILE_H
#define PAYI_CLIENT_AGENT_FILE_H

#include "payi/ring.h"

/*
 * NULL when no agent has ever run here, or its file is not one that we can read. The mapping is good for
 * all agents to come.
 */
const struct payi_ring_agent *payi__agent_file_map(const char *directory);
void payi__agent_file_unmap(const struct payi_ring_agent *agent);

/* The ring's slot, or NULL while the agent has not given it one. */
const struct payi_ring_slot *payi__agent_file_slot(const struct payi_ring_agent *agent,
						   const uint8_t ring_id[PAYI_RING_ID_BYTES]);

#endif
