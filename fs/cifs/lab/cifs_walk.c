// SPDX-License-Identifier: GPL-2.0
/*
 * Walks the orders of a story. See cifs_walk.h.
 *
 * An order is the list of what was chosen, each time that there was a choice;
 * written as digits, that is its number. Orders are walked depth first, each
 * on a mount of its own. What chooses 0 goes on with who has just run.
 */
#define CIFS_KUNIT_NO_INTERPOSE
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/moduleparam.h>
#include <linux/nmi.h>
#include <linux/notifier.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sched/prio.h>
#include <linux/sched/stat.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include "cifsglob.h"
#include "cifs_fixture.h"
#include "cifs_walk.h"
#include "compat.h"
#include "interpose.h"

#define NR_ACTORS	16
#define NR_CHOICES	96
#define NR_STEPS	256
/* As a digit, in hexadecimal. */
#define NR_ENABLED	16
/* How long one story may be walked: KUnit ends a case after 300 s. */
#define ENOUGH		(200 * HZ)
/* How long nobody may go on before all are stuck, in jiffies. */
#define STUCK		msecs_to_jiffies(1000)
/* Usually one is enough for all others to run. */
#define MAX_YIELDS	100

static const char digits[NR_ENABLED + 1] = "0123456789abcdef";

static unsigned int limit = 400;
module_param(limit, uint, 0);
MODULE_PARM_DESC(limit, "orders of a scenario that are walked one by one; if there are more, a third as many are drawn; 0: all of them");

static unsigned int seed = 1;
module_param(seed, uint, 0);
MODULE_PARM_DESC(seed, "of the orders that are walked at random");

static char *order;
module_param(order, charp, 0);
MODULE_PARM_DESC(order, "the one order to be walked, as a failure names it");

/**
 * struct actor - a task of the story, or a work that was queued
 * @walk: the walk
 * @name: what a report calls it
 * @task: the task, or the worker once the work has begun
 * @kthread: of a task
 * @story: of a task, what it does
 * @work: of a work; only to be compared, unless @held
 * @func: what it does
 * @wq: where it is queued
 * @delayed: its time may come whenever it likes
 * @held: it is queued, and has not begun
 * @stopped: it waits at a choice
 * @finished: it has come to its end, or was cancelled
 * @dozes: it sleeps for a time, and nobody has gone on since
 * @flushes: the queue that it is about to flush
 * @nr_before: how many actors there were then
 * @does: what it does next
 * @what: and to what
 * @go: completed when it may
 */
struct actor {
	struct cifs_walk *walk;
	const char *name;
	struct task_struct *task;
	struct cifs_kunit_task kthread;
	const struct cifs_walk_task *story;
	struct work_struct *work;
	work_func_t func;
	struct workqueue_struct *wq;
	bool delayed;
	bool held;
	bool stopped;
	bool finished;
	bool dozes;
	struct workqueue_struct *flushes;
	unsigned int nr_before;
	const char *does;
	const char *what;
	struct completion go;
};

/**
 * struct step - who has done what
 * @actor: who
 * @does: what
 * @what: and to what
 */
struct step {
	const struct actor *actor;
	const char *does;
	const char *what;
};

/**
 * struct cifs_walk - a walk
 * @test: the case
 * @name: what the case calls it
 * @fx: the mount of this order
 * @story: what is walked
 * @nr_actors: how many of @actors there are
 * @actors: in the order in which they came
 * @last: who has just run
 * @nr_taken: how many steps were taken in this order
 * @nr_steps: how many of @steps there are
 * @steps: these, but for those that repeat the one before
 * @at_random: choose at random what is not prescribed
 * @steady: most often go on with who has just run
 * @rnd: for that
 * @prescribed: how many of the choices are
 * @nr_choices: how many there were so far
 * @choices: what was chosen
 * @nr_of: among how many
 * @nr_orders: orders so far
 * @deciding: nothing has gone wrong in this one
 * @reported: it has been reported
 * @stuck: nobody could go on
 * @given_up: nor could they be untangled
 * @enough: when no further order is begun
 */
struct cifs_walk {
	struct kunit *test;
	const char *name;
	struct cifs_fixture *fx;
	const struct cifs_walk_story *story;
	unsigned int nr_actors;
	struct actor actors[NR_ACTORS];
	struct actor *last;
	unsigned int nr_taken;
	unsigned int nr_steps;
	struct step steps[NR_STEPS];
	bool at_random;
	bool steady;
	struct rnd_state rnd;
	unsigned int prescribed;
	unsigned int nr_choices;
	u8 choices[NR_CHOICES];
	u8 nr_of[NR_CHOICES];
	unsigned int nr_orders;
	bool deciding;
	bool reported;
	bool stuck;
	bool given_up;
	unsigned long enough;
};

static struct cifs_walk *walking;

static void wrong(struct cifs_walk *walk, const char *what)
{
	KUNIT_FAIL(walk->test, "%s", what);
}

/* Choices. */

static unsigned int choose(struct cifs_walk *walk, unsigned int nr, bool stay)
{
	unsigned int n = walk->nr_choices, choice = 0;

	if (nr < 2)
		return 0;
	if (n == NR_CHOICES || nr > NR_ENABLED) {
		wrong(walk, "there is no end of choices");
		return 0;
	}
	if (n < walk->prescribed)
		choice = walk->choices[n];
	else if (walk->at_random &&
		 !(stay && walk->steady && prandom_u32_state(&walk->rnd) % 4))
		choice = prandom_u32_state(&walk->rnd) % nr;
	if (choice >= nr) {
		wrong(walk, "there is no such order: what is walked is not the same each time");
		choice = 0;
	}
	walk->choices[n] = choice;
	walk->nr_of[n] = nr;
	walk->nr_choices++;
	return choice;
}

/* The next order, depth first; false if there is none. */
static bool advance(struct cifs_walk *walk)
{
	unsigned int n = walk->nr_choices;

	while (n && walk->choices[n - 1] + 1 == walk->nr_of[n - 1])
		n--;
	if (!n)
		return false;
	walk->choices[n - 1]++;
	walk->prescribed = n;
	return true;
}

/* What the case calls itself, a colon, and the digits. */
static const char *number_of(struct kunit *test, const char *name)
{
	const char *rest = order + str_has_prefix(order, test->name);

	if (rest == order || *rest++ != '/')
		return NULL;
	rest += str_has_prefix(rest, name);
	return *rest == ':' ? rest + 1 : NULL;
}

static void take_order(struct cifs_walk *walk)
{
	const char *number;

	for (number = number_of(walk->test, walk->name); *number; number++) {
		const char *digit = strchr(digits, *number);

		if (!digit || walk->prescribed == NR_CHOICES) {
			wrong(walk, "cifs_walk.order is not what a failure has said");
			return;
		}
		walk->choices[walk->prescribed++] = digit - digits;
	}
}

static void step(struct cifs_walk *walk, const struct actor *actor,
		 const char *does, const char *what)
{
	const struct step *last = walk->steps + walk->nr_steps - 1;

	walk->nr_taken++;
	/* one that polls */
	if (walk->nr_steps && last->actor == actor && last->does == does &&
	    last->what == what)
		return;
	if (walk->nr_steps < NR_STEPS)
		walk->steps[walk->nr_steps++] = (struct step){ actor, does, what };
}

static void report(struct cifs_walk *walk)
{
	char number[NR_CHOICES + 2] = "0";
	unsigned int i, len = 0;

	if (walk->reported)
		return;
	walk->reported = true;
	for (i = 0; i < walk->nr_choices; i++) {
		number[i] = digits[walk->choices[i]];
		if (walk->choices[i])
			len = i;
	}
	number[len + 1] = 0;
	kunit_info(walk->test, "the order that is number %u: cifs_walk.order=\"%s/%s:%s\"",
		   walk->nr_orders, walk->test->name, walk->name, number);
	for (i = 0; i < walk->nr_steps; i++)
		kunit_info(walk->test, "%4u. %-15s %s %s", i + 1, walk->steps[i].actor->name,
			   walk->steps[i].does, walk->steps[i].what);
}

/* A broken list, or a use after free, is the end of the run. */
static int report_panic(struct notifier_block *nb, unsigned long event, void *p)
{
	if (walking)
		report(walking);
	return NOTIFY_DONE;
}

/* before UML's own, which does not come back */
static struct notifier_block panic_nb = {
	.notifier_call = report_panic,
	.priority = INT_MAX,
};

/* Those who are to be told when to go on, and where they are asked. */

static struct actor *myself(void)
{
	struct cifs_walk *walk = walking;
	unsigned int i;

	if (!walk || !walk->deciding || !in_task())
		return NULL;
	for (i = 0; i < walk->nr_actors; i++) {
		if (walk->actors[i].task == current && !walk->actors[i].finished)
			return &walk->actors[i];
	}
	return NULL;
}

/* Without CONFIG_PREEMPT_COUNT it is only lockdep that knows. */
static bool may_sleep_here(void)
{
	int i;

	if (irqs_disabled())
		return false;
	for (i = 0; i < current->lockdep_depth; i++) {
		u8 inner = current->held_locks[i].instance->wait_type_inner;

		if (inner != LD_WAIT_INV && inner < LD_WAIT_SLEEP)
			return false;
	}
	return true;
}

static void stop(struct actor *actor, const char *does, const char *what)
{
	actor->does = does;
	actor->what = what;
	reinit_completion(&actor->go);
	WRITE_ONCE(actor->stopped, true);
	wait_for_completion(&actor->go);
}

/**
 * cifs_walk_point() - have the walker decide who goes on
 * @does: what the current task is about to do
 * @what: and to what
 *
 * For those who are walked; nothing to others, or where nobody may sleep.
 */
void cifs_walk_point(const char *does, const char *what)
{
	struct actor *actor = myself();

	if (actor && may_sleep_here())
		stop(actor, does, what);
}

/**
 * cifs_walk_choose() - have the walker decide what happens
 * @nr: among how many
 * @names: what a report calls them
 *
 * Return: which; 0 to those who are not walked.
 */
unsigned int cifs_walk_choose(unsigned int nr, const char * const *names)
{
	struct actor *actor = myself();
	unsigned int choice;

	if (!actor)
		return 0;
	choice = choose(walking, nr, false);
	step(walking, actor, "is answered", names[choice]);
	return choice;
}

/* Only what guards an open file makes a difference. */
static void walk_unlocked(const char *name)
{
	static const char * const guards[] = {
		"open_file_lock", "file_info_lock", "deferred_lock",
	};
	unsigned int i;

	if (!myself())
		return;
	for (i = 0; i < ARRAY_SIZE(guards); i++)
		if (strstr(name, guards[i]))
			cifs_walk_point("has dropped", name);
}

static bool walk_sleep(void)
{
	struct actor *actor = myself();

	if (!actor || !may_sleep_here())
		return false;
	actor->dozes = true;
	stop(actor, "wakes up", "");
	return true;
}

/* Works. */

static void work_main(struct work_struct *work);

static struct actor *held(struct cifs_walk *walk, struct work_struct *work)
{
	unsigned int i;

	for (i = 0; i < walk->nr_actors; i++) {
		if (walk->actors[i].held && walk->actors[i].work == work)
			return &walk->actors[i];
	}
	return NULL;
}

/* The one that has begun, or is about to, and has not finished. */
static struct actor *under_way(struct cifs_walk *walk, struct work_struct *work)
{
	unsigned int i;

	for (i = 0; i < walk->nr_actors; i++) {
		struct actor *actor = &walk->actors[i];

		if (actor->work == work && !actor->held && !actor->finished)
			return actor;
	}
	return NULL;
}

static struct actor *new_actor(struct cifs_walk *walk, const char *name)
{
	struct actor *actor = &walk->actors[walk->nr_actors];

	if (walk->nr_actors == NR_ACTORS) {
		wrong(walk, "there is no end of works");
		return NULL;
	}
	memset(actor, 0, sizeof(*actor));
	actor->walk = walk;
	actor->name = name;
	actor->does = "begins";
	actor->what = "";
	init_completion(&actor->go);
	walk->nr_actors++;
	return actor;
}

/* What the work did before the walker had it call work_main() instead. */
static work_func_t func_of(struct cifs_walk *walk, struct work_struct *work)
{
	unsigned int i = walk->nr_actors;

	while (work->func == work_main && i--) {
		if (walk->actors[i].work == work)
			return walk->actors[i].func;
	}
	return work->func;
}

/* The work is pending, but does not run before the walker has it run. */
static bool walk_queue(struct workqueue_struct *wq, struct work_struct *work,
		       bool delayed, bool *queued)
{
	struct cifs_walk *walk = walking;
	struct actor *actor;

	if (!walk || !myself())
		return false;
	*queued = !test_and_set_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work));
	if (!*queued)
		return true;
	actor = new_actor(walk, cifs_kunit_queue_name(wq) ?: "a work");
	if (!actor) {
		clear_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work));
		return false;
	}
	actor->func = func_of(walk, work);
	actor->work = work;
	actor->wq = wq;
	actor->delayed = delayed;
	actor->held = true;
	work->func = work_main;
	cifs_walk_point("has queued", actor->name);
	return true;
}

static void unhold(struct actor *actor)
{
	actor->held = false;
	clear_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(actor->work));
}

/* What is not pending any more may be running. */
static bool walk_cancel(struct work_struct *work)
{
	struct actor *actor = walking ? held(walking, work) : NULL;

	if (!actor)
		return false;
	unhold(actor);
	actor->finished = true;
	return true;
}

/*
 * Comes back when all of it runs; that it finishes is for flush_workqueue() to
 * wait for. A work that waits for its time is not on the queue.
 */
static void walk_flush(struct workqueue_struct *wq)
{
	struct actor *actor = myself();

	if (!actor || !may_sleep_here())
		return;
	actor->flushes = wq;
	actor->nr_before = walking->nr_actors;
	stop(actor, "flushes", cifs_kunit_queue_name(wq) ?: "a queue");
	actor->flushes = NULL;
}

static const struct cifs_kunit_scheduler scheduler = {
	.queue = walk_queue,
	.cancel = walk_cancel,
	.flush = walk_flush,
	.sleep = walk_sleep,
	.unlocked = walk_unlocked,
};

static void finish(struct actor *actor)
{
	WRITE_ONCE(actor->finished, true);
}

static void work_main(struct work_struct *work)
{
	struct actor *actor = under_way(walking, work);

	if (!actor) {
		func_of(walking, work)(work);
		return;
	}
	actor->task = current;
	actor->func(work);
	/* whose memory may be gone */
	finish(actor);
}

static void task_main(struct cifs_kunit_task *self)
{
	struct actor *actor = container_of(self, struct actor, kthread);

	actor->task = current;
	stop(actor, "begins", "");
	actor->story->run(actor->walk->fx);
	finish(actor);
}

/* The walker. */

static bool may_flush(struct cifs_walk *walk, const struct actor *actor)
{
	unsigned int i;

	for (i = 0; i < actor->nr_before; i++) {
		const struct actor *work = &walk->actors[i];

		if (work->held && work->wq == actor->flushes && !work->delayed)
			return false;
	}
	return true;
}

static bool tasks_finished(struct cifs_walk *walk, unsigned int tasks)
{
	unsigned int i;

	for (i = 0; i < CIFS_KUNIT_WALK_TASKS; i++) {
		if (tasks & BIT(i) && !walk->actors[i].finished)
			return false;
	}
	return true;
}

static bool enabled(struct cifs_walk *walk, struct actor *actor)
{
	if (actor->held)
		return !under_way(walk, actor->work);
	if (!READ_ONCE(actor->stopped))
		return false;
	if (actor->flushes && !may_flush(walk, actor))
		return false;
	return !actor->story || tasks_finished(walk, actor->story->after);
}

/* Who has just run first. */
static unsigned int find_enabled(struct cifs_walk *walk, struct actor **found,
				 bool dozing)
{
	unsigned int i, n = 0;

	if (walk->last && enabled(walk, walk->last) && walk->last->dozes == dozing)
		found[n++] = walk->last;
	for (i = 0; i < walk->nr_actors; i++) {
		struct actor *actor = &walk->actors[i];

		if (actor != walk->last && enabled(walk, actor) &&
		    actor->dozes == dozing)
			found[n++] = actor;
	}
	return n;
}

static bool all_finished(struct cifs_walk *walk)
{
	unsigned int i;

	for (i = 0; i < walk->nr_actors; i++) {
		if (!READ_ONCE(walk->actors[i].finished))
			return false;
	}
	return true;
}

/*
 * Wait until each task is at a choice, has ended, or sleeps in the client. The
 * walker has the lowest priority and yields: a sleep lasts until the next tick,
 * and most steps would need one. yield() does not guarantee that the others
 * run, hence the sleep after MAX_YIELDS.
 */
static void come_to_rest(void)
{
	unsigned int yields = 0;

	while (nr_running() > 1) {
		if (yields++ < MAX_YIELDS)
			yield();
		else
			schedule_timeout_uninterruptible(1);
	}
}

static void release_work(struct actor *actor)
{
	struct workqueue_struct *wq = actor->wq;
	struct work_struct *work = actor->work;

	unhold(actor);
	queue_work(wq, work);
}

/* One that is not there any more. */
static void drop_work(struct actor *actor)
{
	actor->held = false;
	actor->finished = true;
}

static void go_on(struct cifs_walk *walk, struct actor *actor)
{
	unsigned int i;

	step(walk, actor, actor->does, actor->what);
	for (i = 0; i < walk->nr_actors; i++) {
		if (&walk->actors[i] != actor)
			walk->actors[i].dozes = false;
	}
	actor->dozes = false;
	walk->last = actor;
	if (actor->held) {
		if (cifs_kunit_is_freed(walk->fx, actor->work)) {
			wrong(walk, "a work is queued the file of which is gone");
			drop_work(actor);
			return;
		}
		release_work(actor);
	} else {
		actor->stopped = false;
		complete(&actor->go);
	}
	come_to_rest();
}

/* Nobody waits for the walker: they may wait for the kernel. */
static bool wait_for_some(struct cifs_walk *walk)
{
	struct actor *found[NR_ACTORS];
	unsigned long left = STUCK;

	while (left--) {
		schedule_timeout_uninterruptible(1);
		come_to_rest();
		if (all_finished(walk) || find_enabled(walk, found, false))
			return true;
	}
	return false;
}

static void report_stuck(struct cifs_walk *walk)
{
	unsigned int i;

	walk->stuck = true;
	wrong(walk, "stuck");
	for (i = 0; i < walk->nr_actors; i++) {
		if (walk->actors[i].story)
			cifs_kunit_task_report(walk->test, &walk->actors[i].kthread);
		else if (!walk->actors[i].finished)
			kunit_info(walk->test, "%-10s has not finished",
				   walk->actors[i].name);
	}
}

static bool take_step(struct cifs_walk *walk)
{
	struct actor *found[NR_ACTORS];
	unsigned int nr;

	if (all_finished(walk))
		return false;
	nr = find_enabled(walk, found, false) ?: find_enabled(walk, found, true);
	if (!nr && wait_for_some(walk))
		return true;
	if (!nr || walk->nr_taken >= NR_STEPS) {
		report_stuck(walk);
		return false;
	}
	go_on(walk, found[choose(walk, nr, found[0] == walk->last)]);
	return !cifs_kunit_failed(walk->test);
}

/**
 * cifs_walk_let_go() - decide no more: all go on as they can
 *
 * Of an order that has failed. May be called by those who are walked.
 */
void cifs_walk_let_go(void)
{
	struct cifs_walk *walk = walking;
	unsigned int i;

	if (!walk || !walk->deciding)
		return;
	walk->deciding = false;
	report(walk);
	for (i = 0; i < walk->nr_actors; i++) {
		struct actor *actor = &walk->actors[i];

		if (actor->held && cifs_kunit_is_freed(walk->fx, actor->work))
			drop_work(actor);
		else if (actor->held)
			release_work(actor);
		complete_all(&actor->go);
	}
}

/* All tasks and works have ended afterwards; else the mount is given up. */
static void end_order(struct cifs_walk *walk)
{
	unsigned int i;
	bool stuck = false;

	if (cifs_kunit_failed(walk->test))
		cifs_walk_let_go();
	if (walk->stuck && walk->story->untangle)
		walk->story->untangle(walk->fx);
	for (i = 0; i < walk->nr_actors; i++) {
		struct cifs_kunit_task *task = &walk->actors[i].kthread;

		stuck |= task->task && !cifs_kunit_task_join(task);
	}
	if (!cifs_kunit_poll(all_finished(walk)) || stuck)
		walk->fx->given_up = true;
	walk->deciding = false;
}

static void start_tasks(struct cifs_walk *walk)
{
	const struct cifs_walk_task *task = walk->story->tasks;
	unsigned int i;

	for (i = 0; i < CIFS_KUNIT_WALK_TASKS && task[i].run; i++) {
		struct actor *actor = new_actor(walk, task[i].name);

		actor->story = &task[i];
		actor->kthread.name = task[i].name;
		actor->kthread.run = task_main;
		cifs_kunit_task_start(walk->test, &actor->kthread);
	}
	come_to_rest();
}

static void walk_order(struct cifs_walk *walk)
{
	struct cifs_fixture *fx = walk->test->priv;

	walk->fx = fx;
	walk->nr_orders++;
	walk->nr_actors = 0;
	walk->nr_taken = 0;
	walk->nr_steps = 0;
	walk->nr_choices = 0;
	walk->last = NULL;
	walk->story->begin(fx);
	walk->deciding = true;
	start_tasks(walk);
	while (take_step(walk))
		;
	end_order(walk);
	if (!fx->given_up)
		walk->story->end(fx);
	walk->given_up = fx->given_up;
	cifs_fixture_exit(walk->test);
}

static bool walk_next(struct cifs_walk *walk)
{
	if (cifs_kunit_failed(walk->test) || time_after(jiffies, walk->enough))
		return false;
	reset_hung_task_detector();
	if (!walk->test->priv)
		cifs_fixture_init(walk->test);
	walk_order(walk);
	if (cifs_kunit_failed(walk->test) || order)
		report(walk);
	return !cifs_kunit_failed(walk->test);
}

/*
 * What an order that was drawn says of how many there are: on average, as
 * many as the choices on its way allow (Knuth 1975).
 */
static u64 estimate(const struct cifs_walk *walk)
{
	u64 product = 1;
	unsigned int i;

	for (i = 0; i < walk->nr_choices; i++)
		product *= walk->nr_of[i];
	return product;
}

/*
 * One by one at even odds, which say how many there are, and steadily: few
 * changes from one to another, anywhere, show more than many.
 */
static u64 draw_orders(struct cifs_walk *walk)
{
	unsigned int drawn;
	u64 sum = 0;

	walk->prescribed = 0;
	walk->at_random = true;
	prandom_seed_state(&walk->rnd, seed);
	for (drawn = 0; drawn < limit / 3 && walk_next(walk); drawn++) {
		sum += walk->steady ? 0 : estimate(walk);
		walk->steady = !walk->steady;
	}
	return div_u64(sum, DIV_ROUND_UP(drawn, 2) ?: 1);
}

static void walk_orders(struct cifs_walk *walk)
{
	u64 start = cifs_kunit_host_ns(), of = 0, ms;
	unsigned int nr;
	bool all = false;

	while (walk_next(walk) && !order && !all &&
	       (!limit || walk->nr_orders < limit))
		all = !advance(walk);
	nr = walk->nr_orders;
	if (!order && !all)
		of = draw_orders(walk);
	ms = div_u64(cifs_kunit_host_ns() - start, NSEC_PER_MSEC) ?: 1;
	if (of)
		kunit_info(walk->test, "%u orders of about %llu, and %u at random, cifs_walk.seed=%u; %llu a second",
			   nr, of, walk->nr_orders - nr, seed,
			   div64_u64(walk->nr_orders * MSEC_PER_SEC, ms));
	else
		kunit_info(walk->test, "%u orders%s; %llu a second", nr,
			   all ? ", which is all" : "",
			   div64_u64(walk->nr_orders * MSEC_PER_SEC, ms));
}

/**
 * cifs_walk_obstacle() - why orders cannot be walked on this kernel
 *
 * Return: the reason to skip a case, or NULL.
 */
const char *cifs_walk_obstacle(void)
{
	if (IS_ENABLED(CONFIG_SMP) || IS_ENABLED(CONFIG_PREEMPTION))
		return "orders are walked on one processor, without preemption";
	if (!debug_locks)
		return "lockdep is off, and cannot tell where a task may sleep";
	return NULL;
}

/**
 * cifs_walk_orders() - walk the orders of a story
 * @test: the case, with a mount that nothing was done to
 * @name: what it calls the story, or what its parameter is called
 * @story: the story
 *
 * Ends with the first order that fails, which it reports. The mounts are
 * accounted for, and gone. May sleep.
 */
void cifs_walk_orders(struct kunit *test, const char *name,
		      const struct cifs_walk_story *story)
{
	struct cifs_walk *walk;

	if (order && !number_of(test, name))
		kunit_skip(test, "an order of another scenario is walked");
	walk = kzalloc(sizeof(*walk), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, walk);
	walk->test = test;
	walk->name = name;
	walk->story = story;
	walk->enough = jiffies + ENOUGH;
	if (order)
		take_order(walk);
	walking = walk;
	cifs_kunit_scheduler = &scheduler;
	atomic_notifier_chain_register(&panic_notifier_list, &panic_nb);
	sched_set_normal(current, MAX_NICE);
	walk_orders(walk);
	sched_set_normal(current, 0);
	atomic_notifier_chain_unregister(&panic_notifier_list, &panic_nb);
	cifs_kunit_scheduler = NULL;
	walking = NULL;
	/* what a mount that was given up may yet come back to is left */
	if (!walk->given_up)
		kfree(walk);
}
