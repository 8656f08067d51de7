// SPDX-License-Identifier: GPL-2.0
/*
 * How far the last put of a file may have come when the mount, or the whole
 * client, goes away. See cifs_stages.h.
 */
#include <linux/completion.h>
#include <linux/uio.h>
#include "cifsglob.h"
#include "cifsfs.h"
#include "cifsproto.h"
#include "cifs_debug.h"
#include "cifs_fixture.h"
#include "cifs_stages.h"
#include "compat.h"

#define NEVER_MS	(100 * MSEC_PER_SEC)

static struct cifsFileInfo *cfile_of(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	return put->file->cfile;
}

/* Has whoever comes here wait for the exit to wait for him. */
static void hold(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	fx->on_close = NULL;
	complete_all(&put->reached);
	wait_for_completion_timeout(&put->gate,
				    msecs_to_jiffies(CIFS_KUNIT_PATIENCE));
}

static void expect_reached(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;
	unsigned long left;

	left = wait_for_completion_timeout(&put->reached,
					   msecs_to_jiffies(CIFS_KUNIT_PATIENCE));
	KUNIT_EXPECT_NE_MSG(fx->test, left, 0, "the stage is not reached");
}

static void let_go(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	complete_all(&put->gate);
}

/* By a worker, which sleeps before it succeeds; some kernels do not retry. */
static void close_is_retried(struct cifs_fixture *fx)
{
	if (!IS_ENABLED(CONFIG_CIFS_KUNIT_SERVERCLOSE))
		return;
	fx->close_rc[0] = -EAGAIN;
	fx->close_rc[1] = -EAGAIN;
	fx->nr_close_rc = 2;
}

/* The queue of offloaded puts. */

static void put_offloaded(struct cifs_fixture *fx)
{
	cifs_kunit_put(cfile_of(fx), true, true);
}

static void putter(struct cifs_kunit_task *self)
{
	put_offloaded(self->data);
}

/* The worker waits for lock_sem, which the case holds; it does not put. */
static void put_runs(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;
	struct cifs_kunit_task task = {
		.name = "putter", .run = putter, .data = fx,
	};

	down_read(&CIFS_I(put->file->inode)->lock_sem);
	cifs_kunit_task_start(fx->test, &task);
	cifs_kunit_task_untangled(&task);
	KUNIT_EXPECT_TRUE(fx->test,
			  cifs_kunit_poll(cifs_kunit_put_runs(cfile_of(fx))));
}

static void release_lock_sem(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	up_read(&CIFS_I(put->file->inode)->lock_sem);
}

/* The server would not close. */

static void serverclose_queued(struct cifs_fixture *fx)
{
	close_is_retried(fx);
	cifs_kunit_put(cfile_of(fx), true, false);
}

static void serverclose_sleeps(struct cifs_fixture *fx)
{
	close_is_retried(fx);
	put_offloaded(fx);
	KUNIT_EXPECT_TRUE(fx->test,
			  cifs_kunit_poll(cifs_kunit_count(fx, CIFS_KUNIT_CLOSE) == 2));
}

/* The file was closed, its handle is kept, and the time is up. */

static void deferred_queued(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	cifs_kunit_defer_close(fx, put->file, NEVER_MS);
	mod_delayed_work(cifs_kunit_deferred_wq(),
			 cifs_kunit_deferred(put->file->cfile), 0);
}

static void deferred_runs(struct cifs_fixture *fx)
{
	close_is_retried(fx);
	fx->on_close = hold;
	deferred_queued(fx);
	expect_reached(fx);
}

/* The user's close has come first: the put of the break's handler is the last. */
static void break_queued(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	cifs_kunit_drop(put->file);
	cifs_kunit_break_oplock(fx, put->file);
}

/* A break waits for those who write, here for the case. */
static void break_runs(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	close_is_retried(fx);
	set_bit(CIFS_INODE_PENDING_WRITERS, &CIFS_I(put->file->inode)->flags);
	break_queued(fx);
	KUNIT_EXPECT_TRUE(fx->test,
			  cifs_kunit_poll(work_busy(&cfile_of(fx)->oplock_break) ==
					  WORK_BUSY_RUNNING));
}

static void end_write(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;
	unsigned long *flags;

	if (READ_ONCE(put->file->freed))
		return;
	flags = &CIFS_I(put->file->inode)->flags;
	clear_bit(CIFS_INODE_PENDING_WRITERS, flags);
	wake_up_bit(flags, CIFS_INODE_PENDING_WRITERS);
}

/* What the user waits for; he may close the file before this returns. */
static CIFS_KUNIT_KI_COMPLETE(request_done)
{
	struct cifs_kunit_put *put = container_of(kiocb, struct cifs_kunit_put, kiocb);

	KUNIT_EXPECT_EQ(put->fx->test, rc, PAGE_SIZE);
	cifs_kunit_drop(put->file);
	if (put->stage->leave)
		hold(put->fx);
}

/* A request has a reference of its own. */
static void read_queued(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;
	struct iov_iter iter;

	put->kvec.iov_len = PAGE_SIZE;
	init_sync_kiocb(&put->kiocb, &put->file->filp);
	put->kiocb.ki_complete = request_done;
	iov_iter_kvec(&iter, READ, &put->kvec, 1, PAGE_SIZE);
	KUNIT_EXPECT_EQ(fx->test, cifs_kunit_readv(&put->kiocb, &iter), -EIOCBQUEUED);
}

static void read_completes(struct cifs_fixture *fx)
{
	close_is_retried(fx);
	read_queued(fx);
	expect_reached(fx);
}

static const struct cifs_kunit_stage stages[] = {
	{ .desc = "put queued", .offload = true, .last = put_offloaded },
	{
		.desc = "put runs", .offload = true,
		.enter = put_runs, .leave = release_lock_sem,
	},
	{ .desc = "serverclose queued", .retries = true, .last = serverclose_queued },
	{ .desc = "serverclose sleeps", .retries = true, .enter = serverclose_sleeps },
	{ .desc = "deferred close queued", .deferred = true, .last = deferred_queued },
	{
		.desc = "deferred close runs", .deferred = true,
		.enter = deferred_runs, .leave = let_go,
	},
	{ .desc = "oplock break queued", .last = break_queued },
	{ .desc = "oplock break runs", .enter = break_runs, .leave = end_write },
	{ .desc = "read queued", .requests = true, .last = read_queued },
	{
		.desc = "read completes", .requests = true,
		.enter = read_completes, .leave = let_go,
	},
};

/**
 * cifs_kunit_stage_params() - the stages, as parameters of a case
 * @prev: the stage before, or NULL
 * @desc: gets the name of the next one
 *
 * Return: the next stage, or NULL.
 */
const void *cifs_kunit_stage_params(const void *prev, char *desc)
{
	const struct cifs_kunit_stage *stage = prev;

	stage = stage ? stage + 1 : stages;
	if (stage == stages + ARRAY_SIZE(stages))
		return NULL;
	strscpy(desc, stage->desc, KUNIT_PARAM_DESC_SIZE);
	return stage;
}

/**
 * cifs_kunit_stage_params_queued() - the stages in which a work is queued
 * @prev: the stage before, or NULL
 * @desc: gets the name of the next one
 *
 * Return: the next stage, or NULL.
 */
const void *cifs_kunit_stage_params_queued(const void *prev, char *desc)
{
	const struct cifs_kunit_stage *stage = prev;

	do {
		stage = cifs_kunit_stage_params(stage, desc);
	} while (stage && !stage->last);
	return stage;
}

/**
 * cifs_kunit_stage_need() - skip a case whose stage this kernel does not have
 * @test: the case
 * @stage: the stage
 */
void cifs_kunit_stage_need(struct kunit *test,
			   const struct cifs_kunit_stage *stage)
{
	if (stage->offload)
		cifs_kunit_need_offload(test);
	if (stage->retries)
		cifs_kunit_need_serverclose(test);
	if (stage->deferred)
		cifs_kunit_need_deferred(test);
	if (stage->requests)
		cifs_kunit_need_requests(test);
}

/**
 * cifs_kunit_stage_enter() - bring the last put of a file to a stage
 * @fx: the mount
 * @stage: the stage
 *
 * What @stage has for it, its last(), remains to be called right before the
 * mount goes. May sleep.
 *
 * Return: the put; a failure ends the case.
 */
struct cifs_kunit_put *
cifs_kunit_stage_enter(struct cifs_fixture *fx,
		       const struct cifs_kunit_stage *stage)
{
	struct cifs_kunit_put *put;

	put = kunit_kzalloc(fx->test, sizeof(*put), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(fx->test, put);
	put->kvec.iov_base = kunit_kzalloc(fx->test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(fx->test, put->kvec.iov_base);
	put->fx = fx;
	put->stage = stage;
	init_completion(&put->reached);
	init_completion(&put->gate);
	put->file = cifs_kunit_open(fx, cifs_kunit_create(fx, "file"), O_RDWR);
	fx->hook_data = put;
	cifs_kunit_set_io_size(fx->cifs_sb, PAGE_SIZE);
	if (stage->enter)
		stage->enter(fx);
	return put;
}

/**
 * cifs_kunit_stage_leave() - let the put go on when it is waited for
 * @put: the put; the fixture's task is what should wait for it
 *
 * May sleep.
 */
void cifs_kunit_stage_leave(struct cifs_kunit_put *put)
{
	struct cifs_fixture *fx = put->fx;

	if (!put->stage->leave)
		return;
	KUNIT_EXPECT_TRUE(fx->test,
			  cifs_kunit_poll(READ_ONCE(fx->busy) ||
					  cifs_kunit_task_asleep(&fx->task)));
	put->stage->leave(fx);
}

/**
 * cifs_kunit_stage_go_on() - have the put end that was not waited for
 * @fx: the mount
 *
 * For &cifs_fixture.on_busy. May sleep.
 */
void cifs_kunit_stage_go_on(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;
	struct cifs_kunit_file *file;

	complete_all(&put->gate);
	end_write(fx);
	cifs_close_all_deferred_files(fx->tcon);
	list_for_each_entry(file, &fx->files, list)
		cifs_kunit_wait_freed(file);
}
