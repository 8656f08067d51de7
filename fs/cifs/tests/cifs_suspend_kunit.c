// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_suspend: what the flags of the client's queues promise.
 * A freeze holds the puts and loses none, and neither they nor an umount
 * depends on memory that is not there.
 */
#include <linux/bug.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>
#include <asm/sections.h>
#include "cifsglob.h"
#include "cifs_fault.h"
#include "cifs_fixture.h"
#include "cifs_stages.h"
#include "compat.h"
#define CIFS_KUNIT_NO_INTERPOSE
#include "interpose.h"

CIFS_KUNIT_GENERATOR(stage, cifs_kunit_stage_params_queued);

static void frozen_queue_keeps_put(struct kunit *test)
{
	const struct cifs_kunit_stage *stage = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_put *put;
	unsigned int nr_events;

	cifs_kunit_stage_need(test, stage);
	put = cifs_kunit_stage_enter(fx, stage);
	freeze_workqueues_begin();
	stage->last(fx);
	nr_events = fx->nr_events;
	/* if the queue is not frozen, its worker is ready to run */
	msleep(100);
	KUNIT_EXPECT_EQ_MSG(test, fx->nr_events, nr_events,
			    "the put goes on in the freeze");
	thaw_workqueues();

	KUNIT_EXPECT_TRUE_MSG(test, cifs_kunit_wait_freed(put->file),
			      "not put after the thaw");
}

/* Allocations that fail for tasks that are marked, and without a word. */
static struct cifs_kunit_knob starving[] = {
	{ "failslab", "ignore-gfp-wait", sizeof(bool), false },
	{ "failslab", "verbose", sizeof(unsigned long), 0 },
	{ "failslab", "times", sizeof(u32), -1 },
	{ "failslab", "task-filter", sizeof(bool), true },
	{ "failslab", "probability", sizeof(unsigned long), 100 },
};

#define NR_BLOCKERS	64

/**
 * struct famine - worker pools that are busy, and cannot grow
 * @relief: ends it
 * @blockers: each keeps a worker of a pool busy
 * @control: works of queues that nobody rescues
 * @nr_run: how many of @control have been done
 */
struct famine {
	struct completion relief;
	struct work_struct blockers[2][NR_BLOCKERS];
	struct work_struct control[2];
	atomic_t nr_run;
};

static struct famine famine;

static void block(struct work_struct *work)
{
	wait_for_completion_timeout(&famine.relief,
				    msecs_to_jiffies(10 * CIFS_KUNIT_PATIENCE));
}

static void be_run(struct work_struct *work)
{
	atomic_inc(&famine.nr_run);
}

/* Workers make new workers. */
static void mark_workers(bool fail)
{
	struct task_struct *process, *task;

	rcu_read_lock();
	for_each_process_thread(process, task) {
		if (task->flags & PF_WQ_WORKER)
			task->make_it_fail = fail;
	}
	rcu_read_unlock();
}

static bool begin_famine(struct kunit *test)
{
	struct workqueue_struct * const pools[] = { system_wq, system_unbound_wq };
	unsigned int i, j;

	if (!cifs_kunit_swap_knobs(test, starving, ARRAY_SIZE(starving)))
		return false;
	/* each processor has workers of its own, for what is queued there */
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	mark_workers(true);
	init_completion(&famine.relief);
	atomic_set(&famine.nr_run, 0);
	for (i = 0; i < ARRAY_SIZE(pools); i++) {
		for (j = 0; j < NR_BLOCKERS; j++) {
			INIT_WORK(&famine.blockers[i][j], block);
			queue_work(pools[i], &famine.blockers[i][j]);
		}
		INIT_WORK(&famine.control[i], be_run);
	}
	msleep(100);
	for (i = 0; i < ARRAY_SIZE(pools); i++)
		queue_work(pools[i], &famine.control[i]);
	return true;
}

static void end_famine(struct kunit *test)
{
	unsigned int i, j;

	mark_workers(false);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	cifs_kunit_swap_knobs(test, starving, ARRAY_SIZE(starving));
	complete_all(&famine.relief);
	for (i = 0; i < ARRAY_SIZE(famine.control); i++) {
		for (j = 0; j < NR_BLOCKERS; j++)
			flush_work(&famine.blockers[i][j]);
		flush_work(&famine.control[i]);
	}
}

static void put_needs_no_new_worker(struct kunit *test)
{
	const struct cifs_kunit_stage *stage = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_put *put;

	cifs_kunit_stage_need(test, stage);
	put = cifs_kunit_stage_enter(fx, stage);
	if (!begin_famine(test))
		return;
	stage->last(fx);
	KUNIT_EXPECT_TRUE_MSG(test, cifs_kunit_wait_freed(put->file),
			      "the put waits for a worker that cannot be made");
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&famine.nr_run), 0,
			    "workers could be made all the same");
	end_famine(test);
}

/**
 * struct umount_work - an umount that a worker makes
 * @work: the work
 * @fx: the mount
 * @task_flags: what the worker is meanwhile
 */
struct umount_work {
	struct work_struct work;
	struct cifs_fixture *fx;
	unsigned int task_flags;
};

static void umount_work(struct work_struct *work)
{
	struct umount_work *uw = container_of(work, struct umount_work, work);

	current->flags |= uw->task_flags;
	cifs_kunit_umount(uw->fx);
	current->flags &= ~uw->task_flags;
}

static void wait_for_work(struct cifs_kunit_task *self)
{
	flush_work(self->data);
}

/* Lets check_flush_dependency() warn again: it does so once in a boot. */
static void warn_again(void)
{
#ifdef CONFIG_GENERIC_BUG
	generic_bug_clear_once();
#endif
	memset(__start_once, 0, __end_once - __start_once);
}

/* A queue that nobody rescues would be waited for by who may not wait. */
static void umount_by_worker_of(struct kunit *test, unsigned int wq_flags,
				unsigned int task_flags)
{
	const struct cifs_kunit_stage *stage = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct workqueue_struct *wq;
	struct umount_work *uw;
	bool tainted;

	cifs_kunit_stage_need(test, stage);
	uw = kunit_kzalloc(test, sizeof(*uw), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, uw);
	wq = alloc_workqueue("cifs-kunit-umount", wq_flags, 0);
	KUNIT_ASSERT_NOT_NULL(test, wq);
	cifs_kunit_stage_enter(fx, stage);
	INIT_WORK(&uw->work, umount_work);
	uw->fx = fx;
	uw->task_flags = task_flags;
	fx->before = stage->last;
	fx->on_busy = cifs_kunit_stage_go_on;
	fx->task.data = &uw->work;

	warn_again();
	tainted = test_taint(TAINT_WARN);
	queue_work(wq, &uw->work);
	cifs_kunit_set_out(fx, "umount by a worker", wait_for_work);
	cifs_kunit_umount_end(fx);
	KUNIT_EXPECT_EQ_MSG(test, test_taint(TAINT_WARN), tainted,
			    "the kernel warns");
	if (!fx->given_up)
		destroy_workqueue(wq);
}

static void umount_by_worker(struct kunit *test)
{
	umount_by_worker_of(test, WQ_UNBOUND, 0);
}

static void umount_by_rescued_worker(struct kunit *test)
{
	umount_by_worker_of(test, WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
}

static void umount_in_reclaim(struct kunit *test)
{
	umount_by_worker_of(test, WQ_UNBOUND, PF_MEMALLOC);
}

#define PROMISED_FLAGS	(WQ_UNBOUND | WQ_FREEZABLE | WQ_MEM_RECLAIM)

static const struct promise {
	const char *queue;
	unsigned int flags;
} promises[] = {
	{ "cifsiod", WQ_FREEZABLE | WQ_MEM_RECLAIM },
	{ "smb3decryptd", WQ_UNBOUND | WQ_FREEZABLE | WQ_MEM_RECLAIM },
	{ "cifsfileinfoput", WQ_UNBOUND | WQ_FREEZABLE | WQ_MEM_RECLAIM },
	{ "cifsoplockd", WQ_FREEZABLE | WQ_MEM_RECLAIM },
	{ "deferredclose", WQ_FREEZABLE | WQ_MEM_RECLAIM },
	{ "serverclose", WQ_FREEZABLE | WQ_MEM_RECLAIM },
	{ "cfid_put_wq", WQ_FREEZABLE | WQ_MEM_RECLAIM },
};

/* That a queue is unbound shows in no other way on one processor. */
static void queues_have_their_flags(struct kunit *test)
{
	const struct promise *promise;
	struct cifs_kunit_ledger *ledger;
	unsigned int i;

	ledger = kunit_kzalloc(test, sizeof(*ledger), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ledger);
	cifs_fixture_exit(test);
	cifs_kunit_exit_cifs();
	cifs_kunit_open_ledger(ledger);
	KUNIT_EXPECT_EQ(test, cifs_kunit_init_cifs(), 0);
	cifs_kunit_close_ledger();

	for (i = 0; i < ledger->nr_steps; i++) {
		for (promise = promises; promise < promises + ARRAY_SIZE(promises); promise++) {
			if (ledger->steps[i].kind == CIFS_KUNIT_QUEUE &&
			    !strcmp(ledger->steps[i].name, promise->queue))
				KUNIT_EXPECT_EQ_MSG(test, ledger->steps[i].flags & PROMISED_FLAGS,
						    promise->flags, "%s",
						    promise->queue);
		}
	}
}

static struct kunit_case cifs_suspend_cases[] = {
	KUNIT_CASE_PARAM(frozen_queue_keeps_put, stage_gen_params),
	KUNIT_CASE_PARAM(put_needs_no_new_worker, stage_gen_params),
	KUNIT_CASE_PARAM(umount_by_worker, stage_gen_params),
	KUNIT_CASE_PARAM(umount_by_rescued_worker, stage_gen_params),
	KUNIT_CASE_PARAM(umount_in_reclaim, stage_gen_params),
	KUNIT_CASE(queues_have_their_flags),
	{}
};

static struct kunit_suite cifs_suspend_suite = {
	.name = "cifs_suspend",
	.init = cifs_fixture_init,
	.exit = cifs_fixture_exit,
	.test_cases = cifs_suspend_cases,
};

kunit_test_suite(cifs_suspend_suite);
