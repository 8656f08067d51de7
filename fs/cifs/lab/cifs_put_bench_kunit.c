// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_put_bench: how long the last put of a file takes its
 * caller, and how long it is until the file is freed.
 *
 * No time is expected, only told. The suite is none of the executor's, so
 * that an ordinary run does not have it: cifs_put_bench_kunit.samples=N has
 * it run by itself, before them.
 */
#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <trace/events/kmem.h>
#include "cifsglob.h"
#include "cifsfs.h"
#include "cifsproto.h"
#include "cifs_fixture.h"
#include "compat.h"
#define CIFS_KUNIT_NO_INTERPOSE
#include "interpose.h"

/* The clock may have steps of half a put: a sample is the mean of a row. */
#define ROW		16
/* With lock_sem held each takes some ticks: it is a sample, and few will do. */
#define HELD_EVERY	20
/* Whatever HZ is, no poll for lock_sem comes in the tick in which this ends. */
#define HELD_MS		15

static unsigned int samples;
module_param(samples, uint, 0);

static void put(struct cifs_kunit_file *file)
{
	cifsFileInfo_put(file->cfile);
}

static void put_inline(struct cifs_kunit_file *file)
{
	cifs_kunit_put(file->cfile, true, false);
}

static void close(struct cifs_kunit_file *file)
{
	cifs_close(file->inode, &file->filp);
}

static const struct timed {
	const char *desc;
	void (*run)(struct cifs_kunit_file *file);
	bool held;
} timed[] = {
	{ "put", put, false },
	{ "put, lock_sem held", put, true },
	{ "inline put", put_inline, false },
	{ "inline put, lock_sem held", put_inline, true },
	{ "close", close, false },
	{ "close, lock_sem held", close, true },
};

static void timed_desc(const struct timed *what, char *desc)
{
	strscpy(desc, what->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(timed, timed, timed_desc);

/* What is told of a sample: the ns from the call on, to */
enum span {
	CALLER,		/* its return */
	END,		/* the kfree() of the file */
	HELD,		/* the end of who holds lock_sem */
	SPANS
};

static const char * const span_names[SPANS] = { "caller", "end", "held" };

/**
 * struct bench - what is timed
 * @fx: the mount
 * @dentry: the file
 * @what: what is done to it
 * @ns: the samples, @nr of each span
 * @nr: how many
 * @task: the task that puts
 * @cfile: the open file, until it goes to kfree()
 * @freed_here: it did in @task, hence within the put
 * @freed_at: when it did, if elsewhere
 * @freed: that is known
 * @holder: holds lock_sem for reading
 * @held: it does
 * @released_at: when it did not any more
 */
struct bench {
	struct cifs_fixture *fx;
	struct dentry *dentry;
	const struct timed *what;
	u64 *ns[SPANS];
	unsigned int nr;
	struct task_struct *task;
	const void *cfile;
	bool freed_here;
	u64 freed_at;
	struct completion freed;
	struct cifs_kunit_task holder;
	struct completion held;
	u64 released_at;
};

/* The clock is read only where the return of the put does not tell. */
static void probe_kfree(void *data, unsigned long ip, const void *ptr)
{
	struct bench *bench = data;

	if (!ptr || ptr != READ_ONCE(bench->cfile))
		return;
	bench->freed_here = current == bench->task;
	if (!bench->freed_here)
		bench->freed_at = ktime_get_ns();
	WRITE_ONCE(bench->cfile, NULL);
	if (!bench->freed_here)
		complete(&bench->freed);
}

static void hold_lock_sem(struct cifs_kunit_task *self)
{
	struct bench *bench = self->data;
	struct cifsInodeInfo *cinode = CIFS_I(d_inode(bench->dentry));

	down_read(&cinode->lock_sem);
	complete(&bench->held);
	msleep(HELD_MS);
	bench->released_at = ktime_get_ns();
	up_read(&cinode->lock_sem);
}

static void start_holder(struct bench *bench)
{
	reinit_completion(&bench->held);
	bench->holder.name = "holder";
	bench->holder.run = hold_lock_sem;
	bench->holder.data = bench;
	cifs_kunit_task_start(bench->fx->test, &bench->holder);
	wait_for_completion_timeout(&bench->held,
				    msecs_to_jiffies(CIFS_KUNIT_PATIENCE));
}

/* The fixture is not to go through thousands of files that are closed. */
static void forget(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&fx->lock, flags);
	list_del(&file->list);
	raw_spin_unlock_irqrestore(&fx->lock, flags);
	kfree(file);
}

/* Adds to each span, if the file is freed in the end. */
static bool time_one(struct bench *bench, u64 *spans)
{
	struct cifs_kunit_file *file;
	u64 start, back;

	file = cifs_kunit_try_open(bench->fx, bench->dentry, O_RDWR);
	if (!file)
		return false;
	reinit_completion(&bench->freed);
	bench->freed_here = false;
	bench->cfile = file->cfile;
	if (bench->what->held)
		start_holder(bench);

	cifs_kunit_blind = true;
	start = ktime_get_ns();
	bench->what->run(file);
	back = ktime_get_ns();
	if (!bench->freed_here)
		wait_for_completion_timeout(&bench->freed,
					    msecs_to_jiffies(CIFS_KUNIT_PATIENCE));
	cifs_kunit_blind = false;

	if (bench->what->held)
		cifs_kunit_task_untangled(&bench->holder);
	if (READ_ONCE(bench->cfile))
		return false;
	spans[CALLER] += back - start;
	spans[END] += (bench->freed_here ? back : bench->freed_at) - start;
	if (bench->what->held)
		spans[HELD] += bench->released_at - start;
	forget(bench->fx, file);
	return true;
}

static bool take_sample(struct bench *bench, unsigned int nr)
{
	unsigned int i, row = bench->what->held ? 1 : ROW;
	u64 spans[SPANS] = {};

	/* at any moment of a tick */
	if (bench->what->held)
		mdelay(nr % (MSEC_PER_SEC / HZ));
	for (i = 0; i < row; i++) {
		if (!time_one(bench, spans))
			return false;
	}
	for (i = 0; i < SPANS; i++)
		bench->ns[i][nr] = div_u64(spans[i], row);
	return true;
}

static struct bench *make_bench(struct kunit *test)
{
	struct bench *bench = kunit_kzalloc(test, sizeof(*bench), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, bench);
	bench->fx = test->priv;
	bench->dentry = cifs_kunit_create(bench->fx, "file");
	bench->what = test->param_value;
	bench->nr = samples;
	if (bench->what->held)
		bench->nr = DIV_ROUND_UP(samples, HELD_EVERY);
	for (i = 0; i < SPANS; i++) {
		bench->ns[i] = kunit_kzalloc(test, bench->nr * sizeof(u64),
					     GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, bench->ns[i]);
	}
	bench->task = current;
	init_completion(&bench->freed);
	init_completion(&bench->held);
	return bench;
}

static int compare(const void *a, const void *b)
{
	u64 left = *(const u64 *)a, right = *(const u64 *)b;

	return left < right ? -1 : left > right;
}

static void tell(struct kunit *test, struct bench *bench, enum span span)
{
	unsigned int nr = bench->nr;
	u64 *ns = bench->ns[span];

	sort(ns, nr, sizeof(*ns), compare, NULL);
	kunit_info(test, "%s, %s: %u samples, quartiles %llu %llu %llu ns",
		   bench->what->desc, span_names[span], nr, ns[nr / 4],
		   ns[nr / 2], ns[3 * nr / 4]);
}

static void takes_its_time(struct kunit *test)
{
	struct bench *bench = make_bench(test);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, register_trace_kfree(probe_kfree, bench), 0);
	for (i = 0; i < bench->nr && take_sample(bench, i); i++)
		;
	unregister_trace_kfree(probe_kfree, bench);
	tracepoint_synchronize_unregister();
	KUNIT_ASSERT_EQ_MSG(test, i, bench->nr, "a file is not opened, or not freed");
	tell(test, bench, CALLER);
	tell(test, bench, END);
	if (bench->what->held)
		tell(test, bench, HELD);
}

static struct kunit_case cifs_put_bench_cases[] = {
	KUNIT_CASE_PARAM(takes_its_time, timed_gen_params),
	{}
};

static struct kunit_suite cifs_put_bench_suite = {
	.name = "cifs_put_bench",
	.init = cifs_fixture_init,
	.exit = cifs_fixture_exit,
	.test_cases = cifs_put_bench_cases,
};

static int __init cifs_put_bench(void)
{
	struct kunit_suite *suite = &cifs_put_bench_suite;

	if (!samples)
		return 0;
	/* lockdep's own time is not to be told */
	debug_locks_off();
	kunit_log(KERN_INFO, suite, "KTAP version 1\n");
	kunit_log(KERN_INFO, suite, "1..1\n");
	return kunit_run_tests(suite);
}
late_initcall_sync(cifs_put_bench);
