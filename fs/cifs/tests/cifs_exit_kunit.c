// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_exit: exit_cifs() with puts on every way to their end.
 *
 * As long as each umount waits for what it has queued, there are none. Here a
 * mount stays until the queues are gone, and goes before the caches do.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "cifsglob.h"
#include "cifs_fixture.h"
#include "cifs_stages.h"
#include "compat.h"
#define CIFS_KUNIT_NO_INTERPOSE
#include "interpose.h"

/**
 * struct edge - works of one queue that queue onto another
 * @from: name of the queue
 * @to: name of the other
 * @back: needs a connection, whose thread has a reference to the module: not
 *	  at exit, and the order cannot follow it
 * @where: the function that calls queue_work() or its like, and what for
 *
 * The documentation, queues.rst, has it as a picture.
 */
struct edge {
	const char *from;
	const char *to;
	bool back;
	const char *where;
};

static const struct edge edges[] = {
	{ "deferredclose", "serverclose", false, "_cifsFileInfo_put()" },
	{ "cifsoplockd", "serverclose", false, "_cifsFileInfo_put()" },
	{ "cifsiod", "serverclose", false, "_cifsFileInfo_put()" },
	{ "cifsiod", "cifsfileinfoput", false, "_cifsFileInfo_put()" },
	{ "serverclose", "cifsfileinfoput", false, "serverclose_work()" },
	{ "cfid_put_wq", "serverclose", false, "cached_dir_put_work()" },
	{ "cfid_put_wq", "cfid_put_wq", true, "cfids_laundromat_worker()" },
	{ "cifsiod", "cfid_put_wq", false, "invalidate_all_cached_dirs()" },
	{ "deferredclose", "cfid_put_wq", false, "invalidate_all_cached_dirs()" },
	{ "cifsoplockd", "cfid_put_wq", false, "invalidate_all_cached_dirs()" },
	{ "serverclose", "cfid_put_wq", true, "invalidate_all_cached_dirs()" },
	{ "smb3decryptd", "cifsiod", false, "smb2_readv_callback()" },
	{ "deferredclose", "cifsiod", false, "smb2_reconnect()" },
	{ "cifsoplockd", "cifsiod", false, "smb2_reconnect()" },
	{ "serverclose", "cifsiod", true, "smb2_reconnect()" },
	{ "cifs-dfscache", "cifsiod", false, "smb2_reconnect()" },
	{ "cifs-dfscache", "cifs-dfscache", true, "refresh_cache_worker()" },
	{ "cifsiod", "cifsiod", true, "smb2_reconnect_server()" },
};

/* Of works that wait for other works. */
static const struct edge waits[] = {
	{ "deferredclose", "cifsoplockd", false, "_cifsFileInfo_put() cancels the break" },
	{ "cifsoplockd", "cifsiod", false, "cifs_oplock_break() waits for writeback" },
};

static const struct edge *find_edge(const char *from, const char *to)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(edges); i++) {
		if (!strcmp(edges[i].from, from) && !strcmp(edges[i].to, to))
			return &edges[i];
	}
	return NULL;
}

/* What has been seen in this boot, by whatever suite. */
static unsigned int nr_seen;
static unsigned int nr_unknown;
static char unknown[3 * CIFS_KUNIT_NAME];

/* Compares what queues onto what with the table. */
static void note_queueing(const char *func, struct workqueue_struct *wq)
{
	char from[CIFS_KUNIT_NAME];
	const char *to = cifs_kunit_queue_name(wq);

	if (!to || !cifs_kunit_worker_queue(from))
		return;
	/* a queue of the suites' own */
	if (str_has_prefix(from, "cifs-kunit-"))
		return;
	nr_seen++;
	if (!find_edge(from, to) && !nr_unknown++)
		scnprintf(unknown, sizeof(unknown), "%s, from %s onto %s", func,
			  from, to);
}

/* Before the client comes up. */
static int __init note_all_queueing(void)
{
	cifs_kunit_on_queueing = note_queueing;
	return 0;
}
core_initcall(note_all_queueing);

static void queueing_is_known(struct kunit *test)
{
	KUNIT_EXPECT_EQ_MSG(test, nr_unknown, 0, "not in the table: %s", unknown);
	kunit_info(test, "%u works queued by works", nr_seen);
}

/* The client with its mount, and how far exit_cifs() has come. */
struct down {
	struct cifs_kunit_ledger ledger;
	bool caches_go;
};

/* The queues are gone, or should be: the mount goes before the caches. */
static void before_unmake(struct cifs_kunit_ledger *ledger,
			  const struct cifs_kunit_step *step)
{
	struct cifs_fixture *fx = ledger->data;
	struct down *down = container_of(ledger, struct down, ledger);

	if (step->kind != CIFS_KUNIT_CACHE && step->kind != CIFS_KUNIT_POOL)
		return;
	if (down->caches_go || !strcmp(step->name, "cifs_dfs_cache"))
		return;
	down->caches_go = true;
	fx->before = NULL;
	cifs_kunit_must_be_idle(fx);
	if (!fx->busy || cifs_kunit_untangle)
		cifs_kunit_umount(fx);
}

static void exit_client(struct cifs_kunit_task *self)
{
	struct cifs_fixture *fx = cifs_kunit_task_fixture(self);

	if (fx->before)
		fx->before(fx);
	cifs_kunit_exit_cifs();
}

CIFS_KUNIT_GENERATOR(stage, cifs_kunit_stage_params);

static void exit_drains(struct kunit *test)
{
	const struct cifs_kunit_stage *stage = test->param_value;
	struct cifs_fixture *fx;
	struct cifs_kunit_put *put;
	struct down *down;

	cifs_kunit_stage_need(test, stage);
	down = kunit_kzalloc(test, sizeof(*down), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, down);
	cifs_kunit_exit_cifs();
	cifs_kunit_open_ledger(&down->ledger);
	if (cifs_kunit_init_cifs())
		panic("cifs KUnit: init_cifs() fails, and no case can follow");
	KUNIT_ASSERT_EQ(test, cifs_fixture_init(test), 0);
	fx = test->priv;

	fx->on_busy = cifs_kunit_stage_go_on;
	put = cifs_kunit_stage_enter(fx, stage);
	fx->before = stage->last;
	down->ledger.data = fx;
	down->ledger.on_unmake = before_unmake;
	cifs_kunit_set_out(fx, "exit", exit_client);
	cifs_kunit_stage_leave(put);
	if (!cifs_kunit_is_back(fx))
		panic("cifs KUnit: the client does not go, and no case can follow");
	cifs_kunit_close_ledger();

	KUNIT_EXPECT_TRUE(test, down->caches_go);
	KUNIT_EXPECT_EQ_MSG(test, fx->busy, 0,
			    "still in use when the queues were gone");
	KUNIT_EXPECT_EQ_MSG(test, down->ledger.nr_late, 0,
			    "queued onto a queue that was gone: %s",
			    down->ledger.late);
	KUNIT_EXPECT_EQ_MSG(test, fx->late, 0,
			    "calls and frees for a mount that was gone");
	cifs_fixture_exit(test);
	cifs_kunit_unmake_rest(&down->ledger);
	KUNIT_EXPECT_EQ(test, cifs_kunit_init_cifs(), 0);
}

/* One exit, whose order the other cases look at. */
static struct cifs_kunit_ledger *one_exit(struct kunit *test)
{
	struct cifs_kunit_ledger *ledger;

	ledger = kunit_kzalloc(test, sizeof(*ledger), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ledger);
	cifs_kunit_exit_cifs();
	cifs_kunit_open_ledger(ledger);
	KUNIT_EXPECT_EQ(test, cifs_kunit_init_cifs(), 0);
	cifs_kunit_exit_cifs();
	cifs_kunit_close_ledger();
	cifs_kunit_unmake_rest(ledger);
	KUNIT_EXPECT_EQ(test, cifs_kunit_init_cifs(), 0);
	KUNIT_EXPECT_EQ_MSG(test, ledger->nr_wrong, 0, "%s", ledger->wrong);
	return ledger;
}

static unsigned int turn_of(const struct cifs_kunit_ledger *ledger,
			    const char *queue)
{
	unsigned int i;

	for (i = 0; i < ledger->nr_steps; i++) {
		if (ledger->steps[i].kind == CIFS_KUNIT_QUEUE &&
		    !strcmp(ledger->steps[i].name, queue))
			return ledger->steps[i].unmade;
	}
	return 0;
}

static void expect_follows(struct kunit *test,
			   const struct cifs_kunit_ledger *ledger,
			   const struct edge *edge)
{
	unsigned int from = turn_of(ledger, edge->from);
	unsigned int to = turn_of(ledger, edge->to);

	/* a queue that this kernel does not have */
	if (!from || !to || edge->back)
		return;
	KUNIT_EXPECT_LT_MSG(test, from, to,
			    "%s is destroyed after %s, which it needs in %s",
			    edge->from, edge->to, edge->where);
}

static void exit_follows_the_queues(struct kunit *test)
{
	struct cifs_kunit_ledger *ledger = one_exit(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(edges); i++)
		expect_follows(test, ledger, &edges[i]);
	for (i = 0; i < ARRAY_SIZE(waits); i++)
		expect_follows(test, ledger, &waits[i]);
}

static void exit_destroys_queues_before_caches(struct kunit *test)
{
	struct cifs_kunit_ledger *ledger = one_exit(test);
	const struct cifs_kunit_step *queue, *cache;
	unsigned int i, j;

	for (i = 0; (queue = cifs_kunit_unmade(ledger, CIFS_KUNIT_QUEUE, i)); i++) {
		for (j = 0; (cache = cifs_kunit_unmade(ledger, CIFS_KUNIT_CACHE, j)); j++) {
			/* what dfs_cache_destroy() destroys is its own */
			if (!strcmp(queue->func, "init_cifs") &&
			    strcmp(cache->func, "dfs_cache_init"))
				KUNIT_EXPECT_LT_MSG(test, queue->unmade, cache->unmade,
						    "%s is destroyed after %s",
						    queue->name, cache->name);
		}
	}
	KUNIT_EXPECT_GT(test, i, 0);
}

static struct kunit_case cifs_exit_cases[] = {
	KUNIT_CASE(exit_follows_the_queues),
	KUNIT_CASE(exit_destroys_queues_before_caches),
	KUNIT_CASE_PARAM(exit_drains, stage_gen_params),
	KUNIT_CASE(queueing_is_known),
	{}
};

static struct kunit_suite cifs_exit_suite = {
	.name = "cifs_exit",
	.test_cases = cifs_exit_cases,
};

kunit_test_suite(cifs_exit_suite);
