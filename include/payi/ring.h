/*
 * payi/ring.h: the ring file, the only thing that an application and the agent share.
 *
 * Applications include payi/payi.h, never this. It is public so that a client can be written in
 * another language, and a ring be read by another tool, from this page alone. C11 only.
 *
 *
 * THE DATA'S WAY
 *
 *     thread ──> lane 0 ┐                        ┌──> one SQLite transaction: events + positions
 *     thread ──> lane 1 ├── ring.<id>  ──pread──>│              │ then, and only then
 *     thread ──> lane 2 ┘   (its process         agent ──> the file "agent": positions done
 *        ^                   alone writes it)                    │
 *        └──────────── knows what space is free again <──────────┘
 *
 * A process that tracks events owns one ring file in the ring directory. It is the file's only
 * writer. The agent only ever reads it, by pread(): no mapping, so no SIGBUS when somebody truncates
 * the file, and no byte that changes between its check and its use. The agent owns the one file
 * "agent", which clients map read-only. So every word has one writer, and neither side can be
 * harmed by what the other does to its own files.
 *
 *
 * FILES
 *
 *     ring.<32 hex digits>   one per process and payi_client; the digits (lower case) are its ring_id
 *     agent                  the agent's answers: heart-beat and, per ring, the positions it has stored
 *     agent.lock             held by the one agent that serves this directory
 *
 * The directory must be on tmpfs: elsewhere the lock below does not live as long as the mapping
 * (overlayfs), and a page may need a disk. A ring file is created unnamed (O_TMPFILE), in its full length, filled
 * in, locked, and then linked into the directory: it appears complete and locked, or not at all.
 *
 *
 * LAYOUT OF A RING FILE (little-endian; sizes in bytes)
 *
 *     0            struct payi_ring_header    written once, before the file has a name
 *     4096         struct payi_ring_counters  one struct payi_ring_lane each, 128 bytes apart
 *     data_offset  lane 0: lane_bytes of records     lane_bytes is a power of two, and both are
 *     + lane_bytes lane 1: …                         multiples of the page size
 *
 * A position counts the bytes ever written to a lane; it starts at 0, never wraps in practice (2^64
 * bytes at 10 GB/s are 58 years) and never goes back. The byte at position p is at p mod lane_bytes. A
 * record that reaches the lane's end goes on at its start: there are no filler records. (The
 * client maps each lane twice in a row, so that this costs nothing.)
 *
 *     record   u32 payload_bytes   without this header and without padding; at least 1
 *              u16 type            enum payi_ring_type
 *              u16 flags           0
 *              u64 sequence        of this lane: 1, 2, 3, …
 *              payload             a msgpack map, keyed as the type says
 *              padding             0 to 7 bytes to the next multiple of 8; content means nothing
 *
 *
 * LANES
 *
 * A lane has one producer at a time: a thread takes it by a try-lock in memory private to its process.
 * A thread that finds its lane taken, or full, goes on to the next one, and keeps to that (its P1 mark goes
 * along); it never waits. So a thread's events are in the order of its lane as long as that has room.
 *
 * Header, counters and one lane have their pages before the file has its name; that there is room for all of them is
 * asked then, too. The other lanes may be holes, whose pages their producer takes before it writes there for the first time
 * (P2). On a full tmpfs a write into a hole would be a SIGBUS; so a lane that cannot have its pages is one that is
 * full, and its threads go on to the next. Readers do not come into holes: they lie beyond the tail.
 *
 *
 * PROTOCOL
 *
 *     producer (lane locked)                        agent (one thread)
 *     ---------------------------------------       -----------------------------------------------
 *     P1 attempted += 1                             C1 is the owner's lock free?   (before C2!)
 *     P2 head = acquire(agent.done[lane])           C2 pread the counters: tails
 *        only when the cached one leaves            C3 pread [position, tail) and check the copy
 *        too little room; in a lane's first         C4 COMMIT events and positions, in SQLite
 *        use: take its pages
 *     P3 write the record beyond tail               C5 release(agent.done[lane] = tail)
 *     P4 release(tail = tail + record)              C6 owner dead at C1 and position == tail in all
 *                                                      lanes: COMMIT the last counters, then unlink
 *
 *     P4 pairs with C2: who sees the tail sees the record. (The agent's two preads are copies by the
 *        kernel, in program order on x86. Where loads may pass each other, the agent reads its copy of the
 *        tail with acquire before C3: a stale length or sequence would be noticed, a stale byte of text not.)
 *     C5 pairs with P2: who sees the space as free knows that the agent's copy of it is done, and on disk.
 *     C1 before C2: a lock that is free means that nobody can store any more, so the tails read after
 *        it are the last ones. Read the other way round, a record could slip in between, and be lost.
 *
 * Killed between any two instructions the producer leaves:
 *
 *     before P1      nothing
 *     P1 .. P4       attempted one higher than what is accounted for ("in flight"), no record: what lies
 *                    beyond tail is never read; so also from P1 to the count of a refusal or drop
 *     after P4       the whole record
 *
 * and the agent: before C4 nothing happened; after C4 SQLite knows the position, and the next agent
 * publishes it (C5) before it reads on. The position comes from SQLite, never from shared memory: a
 * word that can be torn from its transaction cannot promise "once".
 *
 * No space is given back before C4: PAYI_OK means that the event outlives SIGKILL of both.
 *
 * SIGN OF LIFE. The owner holds an open-file-description lock (F_OFD_SETLK, write, byte 0) taken on the
 * description that its mapping pins. The kernel drops it after the last thread has left the address
 * space, so a free lock means that memory no longer changes; a stopped process keeps it. It is asked
 * with F_OFD_GETLK, across PID namespaces. Process ids are labels here and prove nothing. The mapping is
 * MADV_DONTFORK and the descriptor closed: a child neither holds the lock nor can write the ring.
 *
 *
 * ACCOUNTS, per lane; exact once its owner is dead. While it lives the words move as they are read, one
 * after the other, so the sum is only near:
 *
 *     attempted = records (the last sequence) + refused + dropped_full + dropped_too_big + in flight
 *
 * in flight is 0 or 1. attempted goes down by one when a call moves on from a full lane to the next.
 * Calls that found every lane taken are counted in dropped_busy, per ring, and not in attempted.
 *
 *
 * WHY THIS WAY. One ring for all processes cannot be made safe against a producer that is stopped in
 * its reservation and goes on later: it must be waited for, or it writes into space that belongs
 * to somebody else by then. A robust mutex blocks everybody meanwhile, and breaks across PID namespaces.
 * With one producer per lane there is no reservation that others can see, so there is no hole to
 * repair. There is no checksum: a record becomes visible by one store, after it is whole, and what a
 * hostile owner may write instead it could checksum, too; the agent checks every length, the sequence, and
 * every byte of the payload's structure. There is no wake-up call: the agent looks often when there is
 * traffic and seldom when not, so that tracking makes no system call at all.
 */
#ifndef PAYI_RING_H
#define PAYI_RING_H

#include <stddef.h>
#include <stdint.h>

/*
 * The atomic operations, by name, so that tests can put a checker's in their place: who defines
 * PAYI_RING_ATOMICS brings payi_ring_word and these five, and may then be C++, too. No fences, no
 * volatile: thread sanitizers understand neither.
 */
#ifndef PAYI_RING_ATOMICS
#include <assert.h>
#include <stdatomic.h>
typedef _Atomic(uint64_t) payi_ring_word;
#define payi_ring_load_own(word)     atomic_load_explicit((word), memory_order_relaxed)
#define payi_ring_load_acquire(word) atomic_load_explicit((word), memory_order_acquire)
#define payi_ring_store_own(word, value)                                                           \
	atomic_store_explicit((word), (value), memory_order_relaxed)
#define payi_ring_store_release(word, value)                                                       \
	atomic_store_explicit((word), (value), memory_order_release)
#define payi_ring_add(word, value) atomic_fetch_add_explicit((word), (value), memory_order_relaxed)
#endif

#define PAYI_RING_MAGIC       "PAYIRING"
#define PAYI_RING_AGENT_MAGIC "PAYIAGNT"
#define PAYI_RING_FILE_PREFIX "ring."
#define PAYI_RING_AGENT_FILE  "agent"
#define PAYI_RING_LOCK_FILE   "agent.lock"

enum {
	PAYI_RING_ABI_MAJOR = 1, /* another major: not to be read */
	PAYI_RING_ABI_MINOR = 0, /* higher minor: fields were added in reserved space */
	PAYI_RING_ID_BYTES = 16,
	PAYI_RING_NAME_BYTES = 64, /* of app_name, with its NUL */
	PAYI_RING_COUNTERS_AT = 4096,
	PAYI_RING_DATA_AT_MIN = 8192,
	PAYI_RING_LANES_MAX = 16,
	PAYI_RING_LANES = 8, /* by default */
	PAYI_RING_LANE_BYTES_MIN = 4096,
	PAYI_RING_LANE_BYTES_MAX = 256 * 1024 * 1024,
	PAYI_RING_BYTES = 4 * 1024 * 1024, /* all lanes, by default */
	PAYI_RING_RECORD_HEADER = 16,
	PAYI_RING_SLOTS = 4096, /* rings that the agent's file has room for */
};

/* What a record is; its payload's keys. A type that a reader does not know it sets aside, whole. */
enum payi_ring_type {
	PAYI_RING_EVENT = 1,   /* schema/event_fields.h */
	PAYI_RING_DEFINE = 2,  /* schema/use_case_fields.h, and so are the next two */
	PAYI_RING_CREATE = 3,  /* an instance that its application has given an id */
	PAYI_RING_REQUEST = 4, /* an instance whose id the service shall give: its handle */
};

/* At 0. Never changes once the file has its name. */
struct payi_ring_header {
	char magic[8]; /* PAYI_RING_MAGIC without its NUL */
	uint32_t abi_major;
	uint32_t abi_minor;
	uint8_t ring_id[PAYI_RING_ID_BYTES]; /* random; the file's name in hexadecimal */
	uint32_t n_lanes;
	uint32_t reserved;
	uint64_t lane_bytes;
	uint64_t data_offset;
	int64_t created_us; /* microseconds since 1970 */
	uint64_t pid;       /* as its own namespace numbers it: a label for people */
	char app_name[PAYI_RING_NAME_BYTES];
};

/* A lane's words. Written by the thread that holds the lane, read by the agent. */
struct payi_ring_lane {
	payi_ring_word tail;      /* the position after the last whole record */
	payi_ring_word attempted; /* calls that chose this lane */
	payi_ring_word refused;   /* of those: bad input */
	payi_ring_word dropped_full;
	payi_ring_word dropped_too_big; /* larger than a lane */
	uint64_t reserved[11];
};

/* At PAYI_RING_COUNTERS_AT. */
struct payi_ring_counters {
	struct payi_ring_lane lane[PAYI_RING_LANES_MAX];
	payi_ring_word dropped_busy; /* every lane was taken; any thread adds */
};

/* One record's header; the payload follows. */
struct payi_ring_record {
	uint32_t payload_bytes;
	uint16_t type;
	uint16_t flags;
	uint64_t sequence;
};

/*
 * The file "agent". A ring finds its slot by its id, once; the slot stays its own until the ring's file
 * is gone from the directory: no live client's slot is ever given away. The agent never shrinks, replaces or
 * deletes this file, so a mapping of it stays good over any number of agents.
 *
 * A slot is given in this order: done set to 0, ring_id, state, each stored with release. So a ring that comes upon
 * its id (loaded with acquire), be it in a slot that was another ring's when it loaded state, finds
 * none of the other's positions behind it.
 */
struct payi_ring_slot {
	payi_ring_word state;      /* enum payi_ring_slot_state */
	payi_ring_word ring_id[2]; /* the 16 bytes of header.ring_id, as they lie in memory */
	payi_ring_word done[PAYI_RING_LANES_MAX]; /* C5: stored in SQLite up to here */
	uint64_t reserved[13];
};

enum payi_ring_slot_state {
	PAYI_RING_SLOT_FREE = 0,
	PAYI_RING_SLOT_SERVED = 1,
	PAYI_RING_SLOT_ASIDE = 2, /* the ring made no sense; it is not read any more */
};

struct payi_ring_agent {
	char magic[8]; /* PAYI_RING_AGENT_MAGIC without its NUL */
	uint32_t abi_major;
	uint32_t abi_minor;
	uint32_t n_slots;
	uint32_t reserved;
	payi_ring_word epoch;        /* one more with each agent that starts here */
	payi_ring_word heartbeat_us; /* CLOCK_BOOTTIME of the agent's last visit, in microseconds */
	uint64_t reserved2[11];
	struct payi_ring_slot slot[PAYI_RING_SLOTS];
};

/* The bytes that a record with this payload takes in its lane. */
static inline uint64_t payi_ring_record_bytes(uint64_t payload_bytes)
{
	return (PAYI_RING_RECORD_HEADER + payload_bytes + 7) & ~(uint64_t)7;
}

/*
 * Producer's side. One of these per lane, in private memory, touched only by the thread that holds the
 * lane's try-lock.
 */
struct payi_ring_producer {
	struct payi_ring_lane *lane;
	const payi_ring_word
		*done;       /* the agent's word, or NULL while no agent has given us a slot */
	uint64_t lane_bytes; /* 0: it has not got its pages yet, and so no room */
	uint64_t tail;       /* ours: the lane's word is only ever written */
	uint64_t head;       /* what we last knew of *done */
	uint64_t sequence;
};

/* Bytes free, by what is known without looking at the agent's word. */
static inline uint64_t payi_ring_room(const struct payi_ring_producer *producer)
{
	return producer->lane_bytes - (producer->tail - producer->head);
}

/*
 * P2: look again. The word is another process's: believed only if it lies between what we knew and
 * what we wrote. Returns 1 if room was gained.
 */
static inline int payi_ring_refresh(struct payi_ring_producer *producer)
{
	if (!producer->done)
		return 0;
	/* P2 acquire, pairs with C5 in payi_ring_release(): the agent is done with this space. */
	const uint64_t head = payi_ring_load_acquire(producer->done);
	if (head - producer->head > producer->tail - producer->head || head == producer->head)
		return 0;
	producer->head = head;
	return 1;
}

/*
 * P4: the record of record_bytes at tail is whole; make it visible. Its header must carry
 * producer->sequence + 1.
 */
static inline void payi_ring_publish(struct payi_ring_producer *producer, uint64_t record_bytes)
{
	producer->sequence++;
	producer->tail += record_bytes;
	/* P4 release, pairs with C2 in the agent's visit: who sees the tail sees the record. */
	payi_ring_store_release(&producer->lane->tail, producer->tail);
}

/* Adds to a word that only the caller writes: a load and a store, no locked instruction. */
static inline void payi_ring_count(payi_ring_word *word)
{
	payi_ring_store_own(word, payi_ring_load_own(word) + 1);
}

/* Agent's side. C2 as a load, for readers within the same process (the tests; the agent uses pread). */
static inline uint64_t payi_ring_tail(const struct payi_ring_lane *lane)
{
	/* C2 acquire, pairs with P4 in payi_ring_publish(). */
	return payi_ring_load_acquire(&lane->tail);
}

/* C5: everything before position is committed; the space is the producer's again. */
static inline void payi_ring_release(payi_ring_word *done, uint64_t position)
{
	/* C5 release, pairs with P2 in payi_ring_refresh(): our reads of that space are over. */
	payi_ring_store_release(done, position);
}

#ifndef PAYI_RING_ATOMICS
static_assert(sizeof(payi_ring_word) == 8, "words are 8 bytes in the file");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "words are shared between processes: no hidden locks");
static_assert(sizeof(struct payi_ring_header) == 136, "header");
static_assert(offsetof(struct payi_ring_header, ring_id) == 16, "header.ring_id");
static_assert(offsetof(struct payi_ring_header, lane_bytes) == 40, "header.lane_bytes");
static_assert(offsetof(struct payi_ring_header, app_name) == 72, "header.app_name");
static_assert(sizeof(struct payi_ring_lane) == 128, "a lane's words have cache lines of their own");
static_assert(offsetof(struct payi_ring_counters, dropped_busy) == 2048, "counters.dropped_busy");
static_assert(sizeof(struct payi_ring_record) == PAYI_RING_RECORD_HEADER, "record header");
static_assert(sizeof(struct payi_ring_slot) == 256, "slot");
static_assert(offsetof(struct payi_ring_slot, done) == 24, "slot.done");
static_assert(offsetof(struct payi_ring_agent, slot) == 128, "agent.slot");
#endif

#endif
