// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_init: init_cifs() fails at every step, and leaves nothing.
 *
 * What it has made must be unmade, each thing once. What is owed of the order:
 *
 * - What init_cifs() itself has made, and each function that it calls, is
 *   unmade in the reverse order: the last one first.
 * - What one of these functions has made goes in its turn all together. Within
 *   it, only that is owed which is needed: a pool goes before its cache, and
 *   an entry of proc before its directory.
 *
 * Whether it is gone is asked of the kernel as well, see cifs_leftovers.c.
 * Each case finds the client up, and leaves it up.
 */
#include <linux/kallsyms.h>
#include <linux/sched.h>
#include "cifs_fault.h"
#include "cifs_fixture.h"
#include "cifs_kmemleak.h"
#include "cifs_leftovers.h"
#include "cifs_mount.h"
#include "compat.h"

/* The steps of an init_cifs() in which nothing fails: what is up has made. */
static struct cifs_kunit_ledger usual;

static void learn_usual(void)
{
	if (!usual.nr_steps)
		usual = *cifs_kunit_own_ledger();
}

/* Must @later be unmade before @step? */
static bool comes_before(const struct cifs_kunit_step *later,
			 const struct cifs_kunit_step *step)
{
	return later->needs == step->obj || strcmp(later->func, step->func) ||
	       !strcmp(step->func, "init_cifs");
}

static void expect_order(struct kunit *test,
			 const struct cifs_kunit_ledger *ledger)
{
	const struct cifs_kunit_step *end = ledger->steps + ledger->nr_steps;
	const struct cifs_kunit_step *step, *later;

	for (step = ledger->steps; step < end; step++) {
		for (later = step + 1; later < end; later++) {
			if (step->unmade && later->unmade && comes_before(later, step))
				KUNIT_EXPECT_GT_MSG(test, step->unmade, later->unmade,
						    "%s %s is unmade before %s %s",
						    cifs_kunit_kind_name(step->kind),
						    step->name,
						    cifs_kunit_kind_name(later->kind),
						    later->name);
		}
	}
}

/* What was made, the client has unmade. */
static void expect_unmade(struct kunit *test,
			  const struct cifs_kunit_ledger *ledger)
{
	const struct cifs_kunit_step *step;

	KUNIT_EXPECT_EQ_MSG(test, ledger->nr_wrong, 0, "%s", ledger->wrong);
	for (step = ledger->steps; step < ledger->steps + ledger->nr_steps; step++)
		KUNIT_EXPECT_GT_MSG(test, step->unmade, 0, "%s %s is not unmade",
				    cifs_kunit_kind_name(step->kind), step->name);
}

static bool is_counted(const struct cifs_kunit_step *step)
{
	return step->kind == CIFS_KUNIT_CRED || step->kind == CIFS_KUNIT_KEYRING;
}

/* Can it be looked up by its name alone? */
static bool has_name(const struct cifs_kunit_step *step)
{
	return !is_counted(step) && step->kind != CIFS_KUNIT_CACHE &&
	       step->kind != CIFS_KUNIT_POOL;
}

static void expect_gone(struct kunit *test,
			const struct cifs_kunit_ledger *ledger,
			const struct cifs_kunit_step *step)
{
	/* the task of a queue takes a moment to go */
	bool gone = cifs_kunit_poll(!cifs_kunit_is_there(ledger, step, test->priv));

	KUNIT_EXPECT_TRUE_MSG(test, gone, "%s %s is left behind",
			      cifs_kunit_kind_name(step->kind), step->name);
}

/* Nor does the kernel know anything of it; @cache_refs before it was made. */
static void expect_nothing_left(struct kunit *test,
				const struct cifs_kunit_ledger *ledger,
				long cache_refs)
{
	long cache_refs_now = cifs_kunit_cache_refs();
	unsigned int i;

	for (i = 0; i < ledger->nr_steps; i++) {
		if (is_counted(&ledger->steps[i]))
			expect_gone(test, ledger, &ledger->steps[i]);
	}
	for (i = 0; i < usual.nr_steps; i++) {
		if (has_name(&usual.steps[i]))
			expect_gone(test, &usual, &usual.steps[i]);
	}
	KUNIT_EXPECT_EQ(test, cache_refs_now, cache_refs);
	for (i = 0; i < usual.nr_steps && cache_refs_now != cache_refs; i++) {
		if (usual.steps[i].kind == CIFS_KUNIT_CACHE)
			expect_gone(test, &usual, &usual.steps[i]);
	}
}

/* A normal init follows, whose result is the client of the next case. */
static void expect_comes_up(struct kunit *test, struct cifs_kunit_ledger *ledger)
{
	struct cifs_kunit_step *step = usual.steps + usual.nr_steps - 1;
	int rc;

	if (ledger)
		cifs_kunit_unmake_rest(ledger);
	rc = cifs_kunit_init_cifs();
	if (rc)
		panic("cifs KUnit: init_cifs() fails, and no case can follow");
	KUNIT_EXPECT_TRUE(test, cifs_kunit_is_there(&usual, step, test->priv));
}

static int failed_rc(const struct cifs_kunit_ledger *ledger)
{
	/* a client without entries in proc is one all the same */
	if (!ledger->nr_failed || ledger->failed.kind == CIFS_KUNIT_PROC)
		return 0;
	return ledger->failed_rc;
}

/*
 * init_cifs(), whose n-th allocation fails, or none, and exit_cifs() of the
 * client that it leaves. One that says it had no failure, but has unmade
 * everything, is not to be taken down again.
 */
static int init_and_exit(const struct cifs_kunit_ledger *ledger,
			 unsigned int n, bool *failed)
{
	int rc;

	current->fail_nth = n;
	rc = cifs_kunit_init_cifs();
	if (failed)
		*failed = !current->fail_nth;
	current->fail_nth = 0;
	if (!rc && ledger->nr_unmade < ledger->nr_steps)
		cifs_kunit_exit_cifs();
	return rc;
}

static const void *next_step(const void *prev, char *desc)
{
	unsigned long i = (unsigned long)prev;

	learn_usual();
	if (i >= usual.nr_steps)
		return NULL;
	scnprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s %s",
		  cifs_kunit_kind_name(usual.steps[i].kind), usual.steps[i].name);
	return (void *)(i + 1);
}

CIFS_KUNIT_GENERATOR(step, next_step);

static void step_fails(struct kunit *test)
{
	struct cifs_kunit_ledger *ledger;
	const struct cifs_kunit_step *step;
	long cache_refs;
	int rc;

	ledger = kunit_kzalloc(test, sizeof(*ledger), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ledger);
	ledger->fail_at = (unsigned long)test->param_value;
	step = &usual.steps[ledger->fail_at - 1];

	cifs_kunit_exit_cifs();
	cache_refs = cifs_kunit_cache_refs();
	cifs_kunit_open_ledger(ledger);
	rc = init_and_exit(ledger, 0, NULL);
	cifs_kunit_close_ledger();

	KUNIT_EXPECT_EQ(test, ledger->nr_failed, 1);
	KUNIT_EXPECT_EQ(test, ledger->failed.kind, step->kind);
	KUNIT_EXPECT_STREQ(test, ledger->failed.name, step->name);
	KUNIT_EXPECT_EQ(test, rc, failed_rc(ledger));
	expect_unmade(test, ledger);
	if (rc) {
		KUNIT_EXPECT_EQ(test, ledger->nr_calls, ledger->fail_at);
		expect_order(test, ledger);
	}
	expect_nothing_left(test, ledger, cache_refs);
	expect_comes_up(test, ledger);
}

static void exit_leaves_nothing(struct kunit *test)
{
	struct cifs_kunit_ledger *ledger;
	long cache_refs;
	int rc;

	ledger = kunit_kzalloc(test, sizeof(*ledger), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ledger);
	cifs_kunit_exit_cifs();
	cache_refs = cifs_kunit_cache_refs();
	cifs_kunit_open_ledger(ledger);
	rc = init_and_exit(ledger, 0, NULL);
	cifs_kunit_close_ledger();

	KUNIT_EXPECT_EQ(test, rc, 0);
	KUNIT_EXPECT_EQ(test, ledger->nr_failed, 0);
	expect_unmade(test, ledger);
	expect_nothing_left(test, ledger, cache_refs);
	expect_comes_up(test, ledger);
}

/* The timer of automounts that are not used goes with the client. */
static void exit_stops_automount_timer(struct kunit *test)
{
	unsigned long timer = kallsyms_lookup_name("cifs_dfs_automount_task") ?:
			      kallsyms_lookup_name("cifs_automount_task");
	struct delayed_work *work = (struct delayed_work *)timer;

	KUNIT_ASSERT_NOT_NULL(test, work);
	schedule_delayed_work(work, HZ);
	cifs_kunit_exit_cifs();
	KUNIT_EXPECT_FALSE(test, cancel_delayed_work_sync(work));
	expect_comes_up(test, NULL);
}

/* What the client counts from zero */
static atomic_t *const counters[] = {
	&sesInfoAllocCount, &tconInfoAllocCount, &tcpSesAllocCount,
	&tcpSesReconnectCount, &tconInfoReconnectCount,
	&buf_alloc_count, &small_buf_alloc_count, &mid_count,
#ifdef CONFIG_CIFS_KUNIT_SES_NEXT_ID
	&tcpSesNextId,
#endif
#ifdef CONFIG_CIFS_STATS2
	&total_buf_alloc_count, &total_small_buf_alloc_count,
#endif
};

static unsigned int *const xids[] = {
	&GlobalCurrentXid, &GlobalTotalActiveXid, &GlobalMaxActiveXid,
};

static void init_starts_afresh(struct kunit *test)
{
	unsigned int i;

	cifs_kunit_exit_cifs();
	for (i = 0; i < ARRAY_SIZE(counters); i++)
		atomic_set(counters[i], 1);
	for (i = 0; i < ARRAY_SIZE(xids); i++)
		*xids[i] = 1;
	cifs_lock_secret = 0;
	cifs_tcp_ses_list.next = NULL;
	expect_comes_up(test, NULL);

	for (i = 0; i < ARRAY_SIZE(counters); i++)
		KUNIT_EXPECT_EQ_MSG(test, atomic_read(counters[i]), 0, "%ps", counters[i]);
	for (i = 0; i < ARRAY_SIZE(xids); i++)
		KUNIT_EXPECT_EQ_MSG(test, *xids[i], 0, "%ps", xids[i]);
	KUNIT_EXPECT_NE(test, cifs_lock_secret, 0);
	KUNIT_EXPECT_PTR_EQ(test, cifs_tcp_ses_list.next, &cifs_tcp_ses_list);
	INIT_LIST_HEAD(&cifs_tcp_ses_list);
}

static void max_pending_is_kept_in_bounds(struct kunit *test)
{
	static const unsigned int wanted[][2] = {
		{ 0, 2 }, { 1, 2 }, { 3, 3 }, { CIFS_MAX_REQ - 1, CIFS_MAX_REQ - 1 },
		{ CIFS_MAX_REQ + 1, CIFS_MAX_REQ }, { UINT_MAX, CIFS_MAX_REQ },
	};
	unsigned int before = cifs_max_pending;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		cifs_kunit_exit_cifs();
		cifs_max_pending = wanted[i][0];
		expect_comes_up(test, NULL);
		KUNIT_EXPECT_EQ(test, cifs_max_pending, wanted[i][1]);
	}
	cifs_max_pending = before;
}

/*
 * What fail_nth leaves out unless it is told: allocations that may sleep, or
 * of highmem, or of one page. And no trace of each allocation that fails.
 */
static struct cifs_kunit_knob fault_knobs[] = {
	{ "failslab", "ignore-gfp-wait", sizeof(bool), false },
	{ "failslab", "verbose", sizeof(unsigned long), 0 },
	{ "fail_page_alloc", "ignore-gfp-wait", sizeof(bool), false },
	{ "fail_page_alloc", "ignore-gfp-highmem", sizeof(bool), false },
	{ "fail_page_alloc", "min-order", sizeof(u32), 0 },
	{ "fail_page_alloc", "verbose", sizeof(unsigned long), 0 },
};

/* More allocations than any init_cifs() makes. */
#define MAX_ALLOCATIONS	10000

/* Return: whether there was an n-th allocation to fail. */
static bool fail_allocation(struct kunit *test, struct cifs_kunit_ledger *ledger,
			    unsigned int n, unsigned int *nr_survived)
{
	long cache_refs = cifs_kunit_cache_refs();
	bool failed;
	int rc;

	memset(ledger, 0, sizeof(*ledger));
	cifs_kunit_open_ledger(ledger);
	current->fail_nth = n;
	rc = init_and_exit(ledger, n, &failed);
	cifs_kunit_close_ledger();

	KUNIT_EXPECT_EQ_MSG(test, rc, failed_rc(ledger), "allocation %u, in %s %s", n,
			    cifs_kunit_kind_name(ledger->failed.kind), ledger->failed.name);
	expect_unmade(test, ledger);
	if (rc)
		expect_order(test, ledger);
	expect_nothing_left(test, ledger, cache_refs);
	cifs_kunit_unmake_rest(ledger);
	if (nr_survived)
		*nr_survived += failed && !rc;
	return failed;
}

/* To fail each of them takes too long in real time, or with KASAN. */
static unsigned int allocation_stride(void)
{
	return cifs_mnt_time_travels() && !IS_ENABLED(CONFIG_KASAN) ? 1 : 7;
}

/* Slab allocations alone come in the same order each time; pages do not. */
static const struct allocations {
	const char *desc;
	bool pages;
} allocations[] = {
	{ "slab" },
	{ "slab and pages", true },
};

static void allocations_desc(const struct allocations *allocations, char *desc)
{
	strscpy(desc, allocations->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(allocations, allocations, allocations_desc);

static void fail_allocations(struct kunit *test, struct cifs_kunit_ledger *ledger,
			     bool pages)
{
	unsigned int n, nr_survived = 0, every = allocation_stride();

	for (n = 1; n < MAX_ALLOCATIONS; n += every) {
		/*
		 * Where ids need one more node, all that comes behind it is one
		 * further on, but not in two rounds that follow each other.
		 */
		bool failed = fail_allocation(test, ledger, n, &nr_survived);

		if (!pages)
			failed |= fail_allocation(test, ledger, n, NULL);
		if (!failed)
			break;
	}
	KUNIT_EXPECT_LT(test, n, MAX_ALLOCATIONS);
	KUNIT_EXPECT_GT(test, n - 1, usual.nr_steps);
	kunit_info(test, "%u allocations at most; 1 in %u has failed, init_cifs() survived %u",
		   n - 1, every, nr_survived);
}

static void allocation_fails(struct kunit *test)
{
	const struct allocations *allocations = test->param_value;
	struct cifs_kunit_knob no_pages = {
		"fail_page_alloc", "min-order", sizeof(u32), U32_MAX
	};
	struct cifs_kunit_ledger *ledger;

	ledger = kunit_kzalloc(test, sizeof(*ledger), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ledger);
	if (!cifs_kunit_swap_knobs(test, fault_knobs, ARRAY_SIZE(fault_knobs)))
		return;
	cifs_kunit_exit_cifs();
	if (!allocations->pages)
		cifs_kunit_swap_knobs(test, &no_pages, 1);
	fail_allocations(test, ledger, allocations->pages);
	if (!allocations->pages)
		cifs_kunit_swap_knobs(test, &no_pages, 1);
	cifs_kunit_swap_knobs(test, fault_knobs, ARRAY_SIZE(fault_knobs));
	expect_comes_up(test, NULL);
}

/* The ways to find what is left: they do find a client that is up. */
static void client_is_found(struct kunit *test)
{
	const struct cifs_kunit_step *step;
	bool has_proc = false, has_mids = false;
	long nr_caches = 0, cache_refs;

	KUNIT_EXPECT_GT(test, usual.nr_steps, 0);
	for (step = usual.steps; step < usual.steps + usual.nr_steps; step++) {
		nr_caches += step->kind == CIFS_KUNIT_CACHE;
		has_proc |= step->kind == CIFS_KUNIT_PROC;
		has_mids |= !strcmp(step->name, "cifs_mpx_ids");
		if (!has_name(step) || (step->kind == CIFS_KUNIT_QUEUE &&
					!(step->flags & WQ_MEM_RECLAIM)))
			continue;
		KUNIT_EXPECT_TRUE_MSG(test, cifs_kunit_is_there(&usual, step, test->priv),
				      "%s %s is not found",
				      cifs_kunit_kind_name(step->kind), step->name);
	}
	/* what it comes up, and goes, without */
	KUNIT_EXPECT_TRUE(test, has_proc);
	KUNIT_EXPECT_TRUE(test, has_mids);
	cache_refs = cifs_kunit_cache_refs();
	cifs_kunit_exit_cifs();
	KUNIT_EXPECT_EQ(test, cache_refs, cifs_kunit_cache_refs() + nr_caches);
	expect_comes_up(test, NULL);
}

/* What a user may ask of the module, out of bounds, and what comes of it. */
static struct bounded {
	const char *name;
	unsigned int *value;
	unsigned int bound;
	bool above;
} bounded[] = {
	{ "buffers too small", &CIFSMaxBufSize, 8192, false },
	{ "buffers too large", &CIFSMaxBufSize, 1024 * 127, true },
	{ "too few buffers", &cifs_min_rcv, 1, false },
	{ "too many buffers", &cifs_min_rcv, 64, true },
	{ "too few small buffers", &cifs_min_small, 2, false },
	{ "too many small buffers", &cifs_min_small, 256, true },
};

static void bounded_desc(struct bounded *bounded, char *desc)
{
	strscpy(desc, bounded->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bounded, bounded, bounded_desc);

static void parameter_is_bounded(struct kunit *test)
{
	const struct bounded *bounded = test->param_value;
	unsigned int usual_value = *bounded->value;

	cifs_kunit_exit_cifs();
	*bounded->value = bounded->above ? bounded->bound + 1 : bounded->bound - 1;
	KUNIT_EXPECT_EQ(test, cifs_kunit_init_cifs(), 0);
	KUNIT_EXPECT_EQ(test, *bounded->value, bounded->bound);
	cifs_kunit_exit_cifs();
	*bounded->value = usual_value;
	expect_comes_up(test, NULL);
}

/* The last case, so that it speaks of all the others, of all the suites. */
static void leaks_nothing(struct kunit *test)
{
	int nr = cifs_kunit_kmemleak(test);

	if (nr == -ENOENT)
		kunit_skip(test, "this kernel has no kmemleak");
	KUNIT_EXPECT_EQ(test, nr, 0);
}

static int cifs_init_test_init(struct kunit *test)
{
	struct vfsmount *proc = cifs_kunit_mount_proc();

	if (IS_ERR(proc))
		return PTR_ERR(proc);
	test->priv = proc;
	learn_usual();
	return 0;
}

static void cifs_init_test_exit(struct kunit *test)
{
	if (test->priv)
		kern_unmount(test->priv);
	/* the next parameter has the same struct kunit */
	test->priv = NULL;
}

static struct kunit_case cifs_init_cases[] = {
	KUNIT_CASE(client_is_found),
	KUNIT_CASE(exit_leaves_nothing),
	KUNIT_CASE(exit_stops_automount_timer),
	KUNIT_CASE(init_starts_afresh),
	KUNIT_CASE(max_pending_is_kept_in_bounds),
	KUNIT_CASE_PARAM(step_fails, step_gen_params),
	KUNIT_CASE_PARAM(parameter_is_bounded, bounded_gen_params),
	KUNIT_CASE_PARAM_ATTR(allocation_fails, allocations_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_SLOW(leaks_nothing),
	{}
};

static struct kunit_suite cifs_init_suite = {
	.name = "cifs_init",
	.init = cifs_init_test_init,
	.exit = cifs_init_test_exit,
	.test_cases = cifs_init_cases,
};

kunit_test_suite(cifs_init_suite);

MODULE_LICENSE("GPL");
