/*
 * The ring's protocol under SIGKILL: the steps P1 to P4 and C1 to C6 of include/payi/ring.h, in every
 * order that an application and an agent can take them, each killed between any two of its steps.
 *
 *     spin -a ring.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan -m100000
 *
 * An application with THREADS threads tracks N_EVENTS events into two lanes of SLOTS records, and exits
 * or is killed. An agent drains them, is killed up to AGENT_KILLS times, and starts anew each time. It
 * ends when the ring's file is gone. Then every event that was published is in the database, once and as it
 * was written, nothing else is there, and each lane's accounts are exact.
 *
 * With AGENTS=2 there are two at once, as if somebody had removed the lock that should keep the second away: then a COMMIT
 * that finds another epoch in the database than it left there changes nothing, and its agent gives up.
 *
 * Memory is sequentially consistent here: the orders are ring_relacy.cpp's. Positions count records,
 * not bytes. A step is one statement, or one d_step where what it stands for cannot be divided: an
 * atomic exchange, a COMMIT, a store together with what the model notes of it.
 *
 * Each #ifdef of a name not set here plants one mistake; CMakeLists.txt has the list, with the check
 * that must find it.
 */
#ifndef THREADS
#define THREADS 1
#endif
#ifndef N_EVENTS
#define N_EVENTS 4
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef AGENT_KILLS
#define AGENT_KILLS 2
#endif
#ifndef AGENTS
#define AGENTS 1
#endif

#define LANES              2
#define NONE               LANES
#define BIT(event)         (1 << (event))
#define AT(lane, position) ((lane) * SLOTS + (position) % SLOTS)

/* The checks, by the names under which pan reports them: set and asserted within one step. */
hidden byte space_is_committed, pages_are_there, lane_was_full, record_is_whole, record_was_published;
hidden byte record_is_new, space_is_given_back, accounts_are_exact, nothing_is_lost;
#define CHECK(name, condition) name = (condition); assert(name)

/* ---- The ring's file: written by the application alone ------------------------------------------------ */

byte tail[LANES];
byte attempted[LANES];
byte dropped[LANES];
byte sequence[LANES * SLOTS]; /* a record is two words, so that it can be torn */
byte event[LANES * SLOTS];
bool hole = true;      /* the second lane has not got its pages yet */
bool linked = true;    /* until the agent unlinks it */
bool lock_held = true; /* until the kernel has ended the last thread */

/* ---- The application's private memory ----------------------------------------------------------------- */

bool taken[LANES];
byte head[LANES]; /* what it last knew of done */
byte next_event = 1;
byte n_threads = THREADS;

/* ---- The file "agent": written by the agent alone ----------------------------------------------------- */

byte done[LANES];

/* ---- SQLite: changed by COMMIT alone ------------------------------------------------------------------ */

byte db_events; /* a bit each */
byte db_position[LANES];
byte db_attempted[LANES];
byte db_dropped[LANES];
bool db_closed;
byte db_epoch; /* one more with each COMMIT */

/* ---- Kills, and what the model notes; no step but a check reads the notes ------------------------------ */

bool app_killed, agent_killed[AGENTS];
byte agent_kills;
byte published; /* a bit for each event whose P4 is over */
byte acked;     /* a bit for each whose payi_track() has returned PAYI_OK */

/* ---- The application ---------------------------------------------------------------------------------- */

inline mark()
{
	attempted[lane]++
}

#define IS_HOLE(lane) (lane == 1 && hole)

/*
 * P2: takes the lane's pages, for which there may be no room, if it has not got them; looks at the agent's word, only if the one
 * known leaves no room.
 */
inline refresh()
{
	if
	:: atomic { IS_HOLE(lane) -> if :: hole = false :: true fi }
	:: !IS_HOLE(lane)
	fi;
	if
	:: tail[lane] - head[lane] == SLOTS ->
		d_step {
			/* One that goes back is another agent's, that is late: not believed. */
			seen = (done[lane] > head[lane] -> done[lane] : head[lane]);
#ifndef HEAD_NOT_REFRESHED
			head[lane] = seen
#endif
		}
	:: else
	fi
}

#ifdef ROOM_OFF_BY_ONE
#define HAS_ROOM (!IS_HOLE(lane) && tail[lane] - head[lane] <= SLOTS)
#elif defined(HOLE_WRITTEN)
#define HAS_ROOM (tail[lane] - head[lane] < SLOTS)
#else
#define HAS_ROOM (!IS_HOLE(lane) && tail[lane] - head[lane] < SLOTS)
#endif

inline write_record()
{
	d_step {
		CHECK(pages_are_there, !IS_HOLE(lane));
		CHECK(space_is_committed, at - db_position[lane] < SLOTS);
		sequence[AT(lane, at)] = at + 1
	};
	event[AT(lane, at)] = mine
}

inline publish()
{
	d_step { tail[lane] = at + 1; published = published | BIT(mine) }
}

inline put_record()
{
	at = tail[lane];
#ifdef PUBLISH_BEFORE_WRITE
	publish();
	write_record();
#else
	write_record(); /* P3 */
	publish();      /* P4 */
#endif
#ifdef MARK_AFTER_PUBLISH
	mark();
#endif
	d_step { taken[lane] = false; home = lane; acked = acked | BIT(mine); at = 0; seen = 0 }
}

/* Gives up the attempt in a lane that was full, for one in the next. */
inline withdraw()
{
	if
	:: held != NONE ->
#ifndef MARK_LEFT_BEHIND
		attempted[held]--;
#endif
		d_step { taken[held] = false; held = NONE }
	:: else
	fi
}

#ifdef TRY_LOCK_IGNORED
#define IS_FREE(lane) true
#else
#define IS_FREE(lane) !taken[lane]
#endif

/*
 * One payi_track(): the lanes from this thread's own on; each is taken or passed by. The last one that was
 * full stays taken, so that its mark stands until another one has it.
 */
inline track()
{
	do
	:: tried < LANES ->
		d_step { lane = (home + tried) % LANES; tried++ };
		if
		:: atomic { IS_FREE(lane) -> taken[lane] = true };
			withdraw();
#ifndef MARK_AFTER_PUBLISH
			mark(); /* P1 */
#endif
			refresh(); /* P2 */
			if
			:: HAS_ROOM -> put_record(); break
			:: else ->
				d_step { CHECK(lane_was_full, IS_HOLE(lane) || tail[lane] - seen == SLOTS); held = lane }
			fi
		:: else
		fi
	:: else -> break
	od;
	if
	:: held != NONE -> dropped[held]++; d_step { taken[held] = false; held = NONE }
	:: else /* tracked, or every lane was taken: counted apart, per ring */
	fi;
	d_step { mine = 0; lane = NONE; tried = 0 }
}

active [THREADS] proctype Thread()
{
	byte home, tried, lane = NONE, held = NONE, at, seen, mine;
	{
		do
		:: atomic { next_event <= N_EVENTS -> mine = next_event; next_event++ };
			track()
		:: next_event > N_EVENTS -> break
		od
	} unless { app_killed };
	/* The kernel: the lock goes when the last thread has left the address space, and not before. */
	atomic { home = 0; tried = 0; lane = NONE; held = NONE; at = 0; seen = 0; mine = 0 };
	n_threads--;
	if
	:: n_threads == 0 -> lock_held = false
	:: n_threads != 0
	fi
}

/* ---- The agent ---------------------------------------------------------------------------------------- */

/* A new agent knows what SQLite knows, and tells it. */
inline start()
{
	epoch = db_epoch;
	lane = 0;
	do
	:: lane < LANES ->
#ifdef POSITION_FROM_MEMORY
		position[lane] = done[lane];
#else
		position[lane] = db_position[lane];
#endif
#ifndef DONE_NOT_TOLD_AGAIN
		done[lane] = position[lane];
#endif
		lane++
	:: else -> break
	od
}

inline ask_the_lock()
{
	dead = !lock_held
}

inline read_tails()
{
	upto[0] = tail[0];
	upto[1] = tail[1]
}

/* Those of a living owner move while they are read: they prove nothing, and are left out here. */
inline read_counters()
{
	if
	:: dead ->
		d_step {
			last_attempted[0] = attempted[0];
			last_attempted[1] = attempted[1];
			last_dropped[0] = dropped[0];
			last_dropped[1] = dropped[1]
		}
	:: else
	fi
}

inline copy_records()
{
	lane = 0;
	do
	:: lane < LANES ->
		k = position[lane];
		do
		:: k < upto[lane] ->
			copied_sequence[AT(lane, k)] = sequence[AT(lane, k)];
			copied_event[AT(lane, k)] = event[AT(lane, k)];
			k++
		:: else -> break
		od;
		lane++
	:: else -> break
	od
}

/* Within a COMMIT. */
inline insert_events()
{
	lane = 0;
	do
	:: lane < LANES ->
		k = position[lane];
		do
		:: k < upto[lane] ->
			CHECK(record_is_whole, copied_sequence[AT(lane, k)] == k + 1);
			CHECK(record_was_published, (published & BIT(copied_event[AT(lane, k)])) != 0);
			CHECK(record_is_new, (db_events & BIT(copied_event[AT(lane, k)])) == 0);
			db_events = db_events | BIT(copied_event[AT(lane, k)]);
			copied_sequence[AT(lane, k)] = 0;
			copied_event[AT(lane, k)] = 0;
			k++
		:: else -> break
		od;
		lane++
	:: else -> break
	od;
	k = 0
}

inline store_positions()
{
	db_position[0] = upto[0];
	db_position[1] = upto[1]
}

#if AGENTS > 1 && !defined(FENCE_FORGOTTEN)
#define IS_FENCED (db_epoch != epoch)
#else
#define IS_FENCED false
#endif

/* Compares with the epoch that is expected, and sets the next one. */
inline count_epoch()
{
	db_epoch++;
	epoch = db_epoch
}

inline commit()
{
#ifdef POSITION_OUTSIDE_COMMIT
	d_step { insert_events() };
	d_step { store_positions() }
#else
#if AGENTS > 1
	if
	:: d_step { !IS_FENCED -> insert_events(); store_positions(); count_epoch() }
	:: IS_FENCED -> goto given_up
	fi
#else
	d_step { insert_events(); store_positions() }
#endif
#endif
}

inline tell_done()
{
	done[0] = upto[0];
	done[1] = upto[1]
}

inline drain()
{
	copy_records(); /* C3 */
#ifdef DONE_BEFORE_COMMIT
	tell_done();
	commit();
#else
	commit();    /* C4 */
	tell_done(); /* C5 */
#endif
	d_step { position[0] = upto[0]; position[1] = upto[1] }
}

/* A lane's accounts, of what the database has of it: at most one event was in flight. */
#define EXACT(lane)                                                                                \
	(db_attempted[lane] - db_position[lane] - db_dropped[lane] >= 0 &&                         \
	 db_attempted[lane] - db_position[lane] - db_dropped[lane] <= 1)

inline put_last_counters()
{
	db_attempted[0] = last_attempted[0];
	db_attempted[1] = last_attempted[1];
	db_dropped[0] = last_dropped[0];
	db_dropped[1] = last_dropped[1];
	db_closed = true;
	CHECK(accounts_are_exact, EXACT(0) && EXACT(1))
}

inline commit_last_counters()
{
#if AGENTS > 1
	if
	:: d_step { !IS_FENCED -> put_last_counters(); count_epoch() }
	:: IS_FENCED -> goto given_up
	fi
#else
	d_step { put_last_counters() }
#endif
}

inline reap()
{
#ifdef UNLINK_BEFORE_COUNTERS
	linked = false;
	commit_last_counters()
#else
	commit_last_counters();
	linked = false
#endif
}

#ifdef UNLINK_BEFORE_DRAIN
#define TO_DRAIN (!dead && (position[0] != upto[0] || position[1] != upto[1]))
#else
#define TO_DRAIN (position[0] != upto[0] || position[1] != upto[1])
#endif

inline visit()
{
#ifdef LOCK_ASKED_LAST
	read_tails();
	ask_the_lock();
#else
	ask_the_lock(); /* C1 */
	read_tails();   /* C2 */
#endif
	read_counters();
	if
	:: TO_DRAIN -> drain()
	:: else
	fi;
#if AGENTS == 1
	CHECK(space_is_given_back, done[0] == db_position[0] && done[1] == db_position[1]);
#endif
	if
	:: dead -> reap() /* C6 */
	:: else
	fi
}

#define ME (_pid - THREADS)

active [AGENTS] proctype Agent()
{
	byte position[LANES], upto[LANES], last_attempted[LANES], last_dropped[LANES];
	byte copied_sequence[LANES * SLOTS], copied_event[LANES * SLOTS];
	byte lane, k, epoch;
	bool dead;
	do
	:: linked ->
		{
			start();
			do
			:: linked -> visit()
			:: else -> break
			od
		} unless {
			agent_killed[ME];
			d_step {
				agent_killed[ME] = false;
				epoch = 0;
				dead = false;
				lane = 0;
				do
				:: lane < LANES ->
					position[lane] = 0;
					upto[lane] = 0;
					last_attempted[lane] = 0;
					last_dropped[lane] = 0;
					lane++
				:: else -> break
				od;
				k = 0;
				do
				:: k < LANES * SLOTS -> copied_sequence[k] = 0; copied_event[k] = 0; k++
				:: else -> break
				od;
				lane = 0;
				k = 0
			}
		}
	:: else -> break
	od;
	CHECK(nothing_is_lost, db_events == published && (acked & ~db_events) == 0);
	CHECK(accounts_are_exact, db_closed && EXACT(0) && EXACT(1));
given_up:
	skip
}

/* ---- SIGKILL, at any moment ------------------------------------------------------------------------------ */

active proctype Kill()
{
end:
	do
	:: lock_held && !app_killed -> app_killed = true
	:: linked && !agent_killed[0] && agent_kills < AGENT_KILLS ->
		d_step { agent_kills++; agent_killed[0] = true }
#if AGENTS > 1
	:: linked && !agent_killed[1] && agent_kills < AGENT_KILLS ->
		d_step { agent_kills++; agent_killed[1] = true }
#endif
#ifdef LOCK_FREE_TOO_EARLY
	:: lock_held -> lock_held = false
#endif
	od
}
