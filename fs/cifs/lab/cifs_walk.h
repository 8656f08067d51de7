/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Walks the orders in which a few tasks, and the works that they queue, may
 * run, as a stateless model checker does.
 *
 * Without preemption a task gives way only where it sleeps. Here it also does
 * in each call on the fake server, wherever the client drops the last of its
 * locks, queues a work, waits for a queue or sleeps for a time; and no work
 * runs by itself. The walker then decides who goes on.
 */
#ifndef _CIFS_WALK_H
#define _CIFS_WALK_H

#include "cifs_fixture.h"

#define CIFS_KUNIT_WALK_TASKS	4

/**
 * struct cifs_walk_task - one of the tasks of a story
 * @name: what a report calls it
 * @run: what it does
 * @after: the tasks, as bits, that it comes after
 */
struct cifs_walk_task {
	const char *name;
	void (*run)(struct cifs_fixture *fx);
	unsigned int after;
};

/**
 * struct cifs_walk_story - what is walked
 * @begin: makes files on the fresh mount
 * @tasks: what happens then, in any order
 * @end: what must be so when all have finished, but for what the fixture
 *	 looks after
 * @untangle: has tasks that are stuck go on, may be NULL
 */
struct cifs_walk_story {
	void (*begin)(struct cifs_fixture *fx);
	struct cifs_walk_task tasks[CIFS_KUNIT_WALK_TASKS];
	void (*end)(struct cifs_fixture *fx);
	void (*untangle)(struct cifs_fixture *fx);
};

const char *cifs_walk_obstacle(void);
void cifs_walk_orders(struct kunit *test, const char *name,
		      const struct cifs_walk_story *story);
void cifs_walk_point(const char *does, const char *what);
unsigned int cifs_walk_choose(unsigned int nr, const char * const *names);
void cifs_walk_let_go(void);

#endif /* _CIFS_WALK_H */
