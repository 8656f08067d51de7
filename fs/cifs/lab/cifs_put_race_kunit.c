// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_put_race: many tasks that get and put, at the same time.
 *
 * On one processor without preemption they take turns where they sleep, in an
 * order that comes from the seed. It is with more processors, under KASAN or
 * KCSAN, that this finds what no order of sleeps can show.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include "cifsglob.h"
#include "cifsproto.h"
#include "cifsfs.h"
#include "cifs_fixture.h"
#include "compat.h"

#define NR_RACERS	4
/* Slow machines, and those that look at each access, need their time. */
#define NR_JOINS	30

static unsigned int seed = 1;
module_param_named(race_seed, seed, uint, 0);

/* On one processor more rounds show little: what they meet in is the sleeps. */
static unsigned int rounds = IS_ENABLED(CONFIG_SMP) ? 400 : 25;
module_param_named(race_rounds, rounds, uint, 0);

struct race;

/**
 * struct racer - one of the tasks
 * @task: the task
 * @race: what it takes part in
 * @rnd: its own dice
 * @turn: what it does, again and again
 */
struct racer {
	struct cifs_kunit_task task;
	struct race *race;
	struct rnd_state rnd;
	void (*turn)(struct racer *racer);
};

/**
 * struct race - the scenario
 * @fx: the mount
 * @dentry: the one file that all of it is about
 * @shared: open as long as the race goes on
 * @start: all at once
 * @racers: the tasks
 */
struct race {
	struct cifs_fixture *fx;
	struct dentry *dentry;
	struct cifs_kunit_file *shared;
	struct completion start;
	struct racer racers[NR_RACERS];
};

static u32 dice(struct racer *racer, u32 sides)
{
	return prandom_u32_state(&racer->rnd) % sides;
}

/* Let another one go on, or not; on several processors they go on anyway. */
static void dawdle(struct racer *racer)
{
	u32 usecs = dice(racer, 1000);

	if (num_online_cpus() > 1 && dice(racer, 8))
		udelay(usecs / 50);
	else if (dice(racer, 3))
		usleep_range(usecs, usecs + 1);
}

static void put(struct racer *racer, struct cifsFileInfo *cfile)
{
	cifs_kunit_put(cfile, dice(racer, 2), dice(racer, 2));
}

static struct cifs_kunit_file *open_file(struct racer *racer)
{
	struct race *race = racer->race;

	return cifs_kunit_try_open(race->fx, race->dentry, O_RDWR);
}

static void get_and_put(struct racer *racer)
{
	struct cifsFileInfo *cfile = racer->race->shared->cfile;

	cifsFileInfo_get(cfile);
	dawdle(racer);
	put(racer, cfile);
}

static void open_and_close(struct racer *racer)
{
	struct cifs_kunit_file *file = open_file(racer);

	dawdle(racer);
	if (file)
		put(racer, file->cfile);
}

/* Finds any open file, perhaps one that is about to be closed. */
static void find_and_put(struct racer *racer)
{
	struct cifsFileInfo *cfile;

	cfile = find_readable_file(CIFS_I(d_inode(racer->race->dentry)), false);
	dawdle(racer);
	if (cfile)
		put(racer, cfile);
}

static void lock_and_close(struct racer *racer)
{
	struct file_lock lock = CIFS_KUNIT_WRITE_LOCK(false);
	struct cifs_kunit_file *file = open_file(racer);

	if (!file)
		return;
	cifs_lock(&file->filp, F_SETLK, &lock);
	dawdle(racer);
	put(racer, file->cfile);
}

static void break_oplock(struct racer *racer)
{
	struct cifs_fixture *fx = racer->race->fx;
	struct cifs_kunit_file *file = open_file(racer);

	if (!file)
		return;
	cifs_kunit_break_oplock(fx, file);
	dawdle(racer);
	if (dice(racer, 2))
		cifs_kunit_break_oplock(fx, file);
	put(racer, file->cfile);
}

static void reconnect(struct racer *racer)
{
	cifs_kunit_reconnect(racer->race->fx->tcon);
	dawdle(racer);
}

/**
 * struct scenario - a race
 * @turns: what the tasks do, each its own
 * @desc: what a report calls it
 * @reconnects: handles may be lost, and then are not closed
 * @retries: the server is slow to close the first files
 */
struct scenario {
	void (*turns[NR_RACERS])(struct racer *racer);
	const char *desc;
	bool reconnects;
	bool retries;
};

static const struct scenario scenarios[] = {
	{
		.desc = "one file",
		.turns = { get_and_put, get_and_put, get_and_put, get_and_put },
	},
	{
		.desc = "many files of one inode",
		.turns = { open_and_close, open_and_close, open_and_close, find_and_put },
	},
	{
		.desc = "closes that are retried", .retries = true,
		.turns = { open_and_close, open_and_close, find_and_put, find_and_put },
	},
	{
		.desc = "locks",
		.turns = { lock_and_close, lock_and_close, open_and_close, find_and_put },
	},
	{
		.desc = "oplock breaks",
		.turns = { break_oplock, break_oplock, open_and_close, find_and_put },
	},
	{
		.desc = "reconnects", .reconnects = true,
		.turns = { reconnect, open_and_close, find_and_put, lock_and_close },
	},
	{
		.desc = "all of it", .reconnects = true, .retries = true,
		.turns = { reconnect, break_oplock, lock_and_close, find_and_put },
	},
};

static void scenario_desc(const struct scenario *scenario, char *desc)
{
	strscpy(desc, scenario->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(scenario, scenarios, scenario_desc);

static void run_racer(struct cifs_kunit_task *self)
{
	struct racer *racer = container_of(self, struct racer, task);
	unsigned int round;

	wait_for_completion_timeout(&racer->race->start,
				    msecs_to_jiffies(CIFS_KUNIT_PATIENCE));
	for (round = 0; round < rounds; round++)
		racer->turn(racer);
}

static struct race *begin_race(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, race);
	kunit_info(test, "cifs_put_race_kunit.race_seed=%u", seed);
	race->fx = fx;
	race->dentry = cifs_kunit_create(fx, "file");
	CIFS_I(d_inode(race->dentry))->oplock = CIFS_CACHE_RHW_FLG;
	race->shared = cifs_kunit_open(fx, race->dentry, O_RDWR);
	init_completion(&race->start);
	fx->crowded = true;
	return race;
}

static void start_racer(struct race *race, unsigned int nr,
			void (*turn)(struct racer *racer))
{
	struct racer *racer = &race->racers[nr];

	racer->race = race;
	racer->turn = turn;
	prandom_seed_state(&racer->rnd, (u64)seed * NR_RACERS + nr);
	racer->task.name = "racer";
	racer->task.run = run_racer;
	cifs_kunit_task_start(race->fx->test, &racer->task);
}

static void end_race(struct race *race)
{
	unsigned int nr, joins = 0;

	complete_all(&race->start);
	for (nr = 0; nr < NR_RACERS; nr++) {
		struct cifs_kunit_task *task = &race->racers[nr].task;

		while (task->task && !cifs_kunit_task_join(task)) {
			if (joins++ < NR_JOINS)
				continue;
			KUNIT_FAIL(race->fx->test, "racer %u does not come back", nr);
			cifs_kunit_task_report(race->fx->test, task);
			race->fx->given_up = true;
			break;
		}
	}
}

/* Each handle is closed once, each file freed once, nothing is left. */
static void expect_each_closed_once(struct race *race, bool reconnects)
{
	struct cifs_fixture *fx = race->fx;
	struct cifs_kunit_file *file;
	unsigned int nr = 0;

	list_for_each_entry(file, &fx->files, list) {
		KUNIT_EXPECT_TRUE_MSG(fx->test, cifs_kunit_wait_freed(file),
				      "handle %llu", file->fid);
		if (!reconnects)
			KUNIT_EXPECT_EQ_MSG(fx->test, atomic_read(&file->closes), 1,
					    "handle %llu", file->fid);
		nr++;
	}
	KUNIT_EXPECT_GT(fx->test, nr, 0);
}

static void puts_race(struct kunit *test)
{
	const struct scenario *scenario = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct race *race;
	unsigned int i;

	if (scenario->retries) {
		cifs_kunit_need_serverclose(test);
		for (i = 0; i < ARRAY_SIZE(fx->close_rc); i++)
			fx->close_rc[i] = -EAGAIN;
		fx->nr_close_rc = ARRAY_SIZE(fx->close_rc);
	}
	race = begin_race(test);
	for (i = 0; i < NR_RACERS; i++)
		start_racer(race, i, scenario->turns[i]);
	end_race(race);
	if (fx->given_up)
		return;
	cifs_kunit_put(race->shared->cfile, true, true);
	expect_each_closed_once(race, scenario->reconnects);
}

static void put_shared(struct cifs_fixture *fx)
{
	struct race *race = fx->hook_data;

	cifs_kunit_put(race->shared->cfile, true, true);
}

/* The users are gone, what they have put is not. */
static void umount_races(struct kunit *test)
{
	void (* const turns[NR_RACERS])(struct racer *racer) = {
		open_and_close, break_oplock, lock_and_close, find_and_put,
	};
	struct cifs_fixture *fx = test->priv;
	struct race *race = begin_race(test);
	struct cifs_kunit_file *file;
	unsigned int i;

	for (i = 0; i < NR_RACERS; i++)
		start_racer(race, i, turns[i]);
	end_race(race);
	if (fx->given_up)
		return;
	fx->hook_data = race;
	fx->on_busy = cifs_kunit_bury;
	cifs_kunit_umount_start(fx, put_shared);
	cifs_kunit_umount_end(fx);
	list_for_each_entry(file, &fx->files, list)
		KUNIT_EXPECT_EQ_MSG(test, atomic_read(&file->closes), 1,
				    "handle %llu", file->fid);
}

static struct kunit_case cifs_put_race_cases[] = {
	KUNIT_CASE_PARAM(puts_race, scenario_gen_params),
	KUNIT_CASE(umount_races),
	{}
};

static struct kunit_suite cifs_put_race_suite = {
	.name = "cifs_put_race",
	.init = cifs_fixture_init,
	.exit = cifs_fixture_exit,
	.test_cases = cifs_put_race_cases,
};

kunit_test_suite(cifs_put_race_suite);
