// SPDX-License-Identifier: GPL-2.0
/*
 * How far the last put of a file may have come when the mount, or the whole
 * client, goes away. See cifs_stages.h.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/pagemap.h>
#include <linux/uio.h>
#include <linux/writeback.h>
#include "cifsglob.h"
#include "cifsfs.h"
#include "cifsproto.h"
#include "cifs_debug.h"
#include "cifs_fs_sb.h"
#include "fs_context.h"
#include "cifs_fixture.h"
#include "cifs_stages.h"
#include "compat.h"

#define NEVER_MS	(100 * MSEC_PER_SEC)

static struct cifsFileInfo *cfile_of(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	return put->file->cfile;
}

/* Has whoever comes here wait for the umount to wait for him. */
static void hold(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	fx->on_close = NULL;
	fx->on_downgrade = NULL;
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

/* By a worker, which sleeps before it succeeds: no umount is that slow. */
static void close_is_retried(struct cifs_fixture *fx)
{
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

static void serverclose_queued_offloaded(struct cifs_fixture *fx)
{
	close_is_retried(fx);
	put_offloaded(fx);
}

static void serverclose_sleeps(struct cifs_fixture *fx)
{
	close_is_retried(fx);
	put_offloaded(fx);
	KUNIT_EXPECT_TRUE(fx->test,
			  cifs_kunit_poll(cifs_kunit_count(fx, CIFS_KUNIT_CLOSE) == 2));
}

/* Has the worker that makes the last part wait for lock_sem. */
static void hold_lock_sem(struct cifs_kunit_task *self)
{
	struct cifs_kunit_put *put = self->data;
	struct rw_semaphore *lock_sem = &CIFS_I(put->file->inode)->lock_sem;

	down_read(lock_sem);
	complete_all(&put->reached);
	wait_for_completion_timeout(&put->gate,
				    msecs_to_jiffies(CIFS_KUNIT_PATIENCE));
	msleep(1000);
	up_read(lock_sem);
}

static void serverclose_and_put_sleep(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	put->holder.name = "holder";
	put->holder.run = hold_lock_sem;
	put->holder.data = put;
	cifs_kunit_task_start(fx->test, &put->holder);
	expect_reached(fx);
	serverclose_sleeps(fx);
}

static void let_holder_go(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	let_go(fx);
	cifs_kunit_task_untangled(&put->holder);
}

/* The file was closed, its handle is kept. */

static void deferred(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	cifs_kunit_defer_close(fx, put->file, NEVER_MS);
}

static void deferred_retried(struct cifs_fixture *fx)
{
	close_is_retried(fx);
	deferred(fx);
}

static void deferred_queued(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	cifs_kunit_defer_close(fx, put->file, NEVER_MS);
	mod_delayed_work(cifs_kunit_deferred_wq(),
			 cifs_kunit_deferred(put->file->cfile), 0);
}

static void deferred_queued_retried(struct cifs_fixture *fx)
{
	close_is_retried(fx);
	deferred_queued(fx);
}

static void deferred_runs(struct cifs_fixture *fx)
{
	fx->on_close = hold;
	deferred_queued(fx);
	expect_reached(fx);
}

static void deferred_runs_retried(struct cifs_fixture *fx)
{
	close_is_retried(fx);
	deferred_runs(fx);
}

/* The user's close comes while the break is handled: the worker's is last. */
/* The handler's put is to be the last, however soon the handler runs. */
static void break_queued(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	cifs_kunit_drop(put->file);
	cifs_kunit_break_oplock(fx, put->file);
}

static void break_queued_retried(struct cifs_fixture *fx)
{
	close_is_retried(fx);
	break_queued(fx);
}

/* A break waits for those who write, here for the case. */
static void break_runs(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

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

static void break_runs_retried(struct cifs_fixture *fx)
{
	close_is_retried(fx);
	break_runs(fx);
}

/* A request has a reference of its own. */

static void keep_request(struct cifs_fixture *fx, struct work_struct *complete)
{
	struct cifs_kunit_put *put = fx->hook_data;

	KUNIT_EXPECT_NULL(fx->test, put->work);
	put->work = complete;
	complete_all(&put->reached);
}

static void answer_request(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	KUNIT_EXPECT_NOT_NULL(fx->test, put->work);
	if (put->work)
		queue_work(cifsiod_wq, put->work);
	put->work = NULL;
}

/* What the user waits for; he may close the file before this returns. */
static CIFS_KUNIT_KI_COMPLETE(request_done)
{
	struct cifs_kunit_put *put = container_of(kiocb, struct cifs_kunit_put, kiocb);

	KUNIT_EXPECT_EQ(put->fx->test, rc, PAGE_SIZE);
	cifs_kunit_drop(put->file);
	if (put->stage->leave)
		hold(put->fx);
	put->fx->on_close = put->on_close;
}

static void request(struct cifs_fixture *fx,
		    ssize_t (*io)(struct kiocb *iocb, struct iov_iter *iter),
		    unsigned int direction)
{
	struct cifs_kunit_put *put = fx->hook_data;
	struct iov_iter iter;

	put->kvec.iov_len = PAGE_SIZE;
	init_sync_kiocb(&put->kiocb, &put->file->filp);
	put->kiocb.ki_complete = request_done;
	iov_iter_kvec(&iter, direction, &put->kvec, 1, PAGE_SIZE);
	KUNIT_EXPECT_EQ(fx->test, io(&put->kiocb, &iter), -EIOCBQUEUED);
}

static void read_queued(struct cifs_fixture *fx)
{
	request(fx, cifs_kunit_readv, READ);
}

static void read_completes(struct cifs_fixture *fx)
{
	read_queued(fx);
	expect_reached(fx);
}

static void write_completes(struct cifs_fixture *fx)
{
	request(fx, cifs_kunit_writev, WRITE);
	expect_reached(fx);
}

static void read_completes_retried(struct cifs_fixture *fx)
{
	close_is_retried(fx);
	read_completes(fx);
}

static void take_time(struct cifs_fixture *fx)
{
	msleep(200);
}

static void read_completes_slowly(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	put->on_close = take_time;
	read_completes(fx);
}

static void begin_writeback(struct cifs_fixture *fx,
			    void (*on_request)(struct cifs_fixture *fx,
					       struct work_struct *complete))
{
	struct cifs_kunit_put *put = fx->hook_data;
	struct address_space *mapping = put->file->inode->i_mapping;
	struct writeback_control wbc = {
		.sync_mode = WB_SYNC_ALL,
		.nr_to_write = LONG_MAX,
		.range_end = LLONG_MAX,
	};

	fx->on_request = on_request;
	KUNIT_EXPECT_EQ(fx->test, mapping->a_ops->writepages(mapping, &wbc), 0);
}

static void write_and_drop(struct cifs_fixture *fx,
			   void (*on_request)(struct cifs_fixture *fx,
					      struct work_struct *complete))
{
	struct cifs_kunit_put *put = fx->hook_data;

	KUNIT_EXPECT_EQ(fx->test, cifs_kunit_write_page(put->file), PAGE_SIZE);
	begin_writeback(fx, on_request);
	expect_reached(fx);
	cifs_kunit_drop(put->file);
}

static void writeback(struct cifs_fixture *fx)
{
	write_and_drop(fx, keep_request);
}

/* The server takes the data only when asked again, by a request of its own. */
static void fail_and_keep_next(struct cifs_fixture *fx, struct work_struct *complete)
{
	fx->on_request = keep_request;
	cifs_kunit_fail_write(complete);
	queue_work(cifsiod_wq, complete);
}

static void writeback_retried(struct cifs_fixture *fx)
{
	write_and_drop(fx, fail_and_keep_next);
}

static void readahead(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;
	struct file *filp = &put->file->filp;

	fx->on_request = keep_request;
	i_size_write(put->file->inode, PAGE_SIZE);
	filp->f_ra.ra_pages = 1;
	page_cache_sync_readahead(filp->f_mapping, &filp->f_ra, filp, 0, 1);
	expect_reached(fx);
	cifs_kunit_drop(put->file);
}

/* The mount has no backing device to make the handler itself write. */
static void write_in_break(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	hold(fx);
	begin_writeback(fx, keep_request);
	queue_delayed_work(system_wq, &put->answer, msecs_to_jiffies(200));
}

static void answer_work(struct work_struct *work)
{
	struct cifs_kunit_put *put = container_of(work, struct cifs_kunit_put, answer.work);

	put->fx->on_close = take_time;
	answer_request(put->fx);
}

static void break_writes(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	KUNIT_EXPECT_EQ(fx->test, cifs_kunit_write_page(put->file), PAGE_SIZE);
	/* else the handler waits for the writeback */
	put->file->cfile->oplock_level = CIFS_CACHE_READ_FLG;
	fx->on_downgrade = write_in_break;
	break_queued(fx);
	expect_reached(fx);
}

static void netfs_request(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;

	put->netfs = cifs_kunit_begin_request(&put->file->filp);
	KUNIT_EXPECT_NOT_NULL(fx->test, put->netfs);
	cifs_kunit_drop(put->file);
}

static void end_netfs_request(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;
	struct netfs_io_request *request = xchg(&put->netfs, NULL);

	if (request)
		cifs_kunit_end_request(request);
}

/* An oplock break that comes when the umount has waited for those there were. */

static void end_write_work(struct work_struct *work)
{
	end_write(container_of(work, struct cifs_kunit_put, answer.work)->fx);
}

static void break_late(struct cifs_fixture *fx, struct workqueue_struct *wq)
{
	struct cifs_kunit_put *put = fx->hook_data;

	if (wq != cifs_kunit_deferred_wq())
		return;
	fx->on_flush = NULL;
	set_bit(CIFS_INODE_PENDING_WRITERS, &CIFS_I(put->file->inode)->flags);
	INIT_DELAYED_WORK(&put->answer, end_write_work);
	queue_delayed_work(system_wq, &put->answer, msecs_to_jiffies(200));
	KUNIT_EXPECT_TRUE(fx->test, cifs_kunit_break_oplock(fx, put->file));
}

static void read_completes_break_late(struct cifs_fixture *fx)
{
	fx->on_flush = break_late;
	read_completes(fx);
}

static void netfs_request_break_late(struct cifs_fixture *fx)
{
	fx->on_flush = break_late;
	netfs_request(fx);
}

/* Another task's last put, in the middle of the umount. */

static void other(struct cifs_kunit_task *self)
{
	struct cifs_kunit_put *put = self->data;

	cifs_kunit_put(put->other->cfile, true, true);
}

static void put_other(struct cifs_fixture *fx)
{
	struct cifs_kunit_put *put = fx->hook_data;
	struct cifs_kunit_task task = {
		.name = "other", .run = other, .data = put,
	};

	hold(fx);
	cifs_kunit_task_start(fx->test, &task);
	cifs_kunit_task_untangled(&task);
}

static void put_by_other(struct cifs_fixture *fx)
{
	fx->on_close = put_other;
	deferred_queued(fx);
	expect_reached(fx);
}

static void put_by_other_retried(struct cifs_fixture *fx)
{
	/* the first is the deferred close */
	close_is_retried(fx);
	fx->close_rc[0] = 0;
	fx->close_rc[2] = -EAGAIN;
	fx->nr_close_rc = 3;
	put_by_other(fx);
}

static const struct cifs_kunit_stage stages[] = {
	{ .desc = "put queued", .last = put_offloaded, .offload = true },
	{
		.desc = "put runs", .offload = true,
		.enter = put_runs, .leave = release_lock_sem,
	},
	{ .desc = "serverclose queued", .retries = true, .last = serverclose_queued },
	{
		.desc = "serverclose queued, put offloaded", .retries = true,
		.last = serverclose_queued_offloaded,
	},
	{ .desc = "serverclose sleeps", .retries = true, .enter = serverclose_sleeps },
	{
		.desc = "serverclose sleeps, then put", .retries = true, .offload = true,
		.enter = serverclose_and_put_sleep, .leave = let_holder_go,
	},
	{
		.desc = "close deferred", .deferred = true, .umount_only = true,
		.enter = deferred,
	},
	{
		.desc = "close deferred, retried", .umount_only = true,
		.deferred = true, .retries = true,
		.enter = deferred_retried,
	},
	{ .desc = "deferred close queued", .deferred = true, .last = deferred_queued },
	{
		.desc = "deferred close queued, retried", .deferred = true, .retries = true,
		.last = deferred_queued_retried,
	},
	{
		.desc = "deferred close runs", .deferred = true,
		.enter = deferred_runs, .leave = let_go,
	},
	{
		.desc = "deferred close runs, retried", .deferred = true, .retries = true,
		.enter = deferred_runs_retried, .leave = let_go,
	},
	{ .desc = "oplock break queued", .last = break_queued },
	{
		.desc = "oplock break queued, retried", .retries = true,
		.last = break_queued_retried,
	},
	{
		.desc = "oplock break runs",
		.enter = break_runs, .leave = end_write,
	},
	{
		.desc = "oplock break runs, retried", .retries = true,
		.enter = break_runs_retried, .leave = end_write,
	},
	{ .desc = "read queued", .requests = true, .last = read_queued },
	{
		.desc = "read completes", .requests = true,
		.enter = read_completes, .leave = let_go,
	},
	{
		.desc = "write completes", .requests = true,
		.enter = write_completes, .leave = let_go,
	},
	{
		.desc = "read completes, retried", .retries = true, .requests = true,
		.enter = read_completes_retried, .leave = let_go,
	},
	{
		.desc = "read completes, slowly", .requests = true,
		.enter = read_completes_slowly, .leave = let_go,
	},
	{
		.desc = "writeback under way", .umount_only = true,
		.requests = true,
		.enter = writeback, .leave = answer_request,
	},
	{
		.desc = "writeback retried", .umount_only = true,
		.requests = true,
		.enter = writeback_retried, .leave = answer_request,
	},
	{
		.desc = "readahead under way", .umount_only = true,
		.requests = true,
		.enter = readahead, .leave = answer_request,
	},
	{
		.desc = "oplock break writes", .umount_only = true,
		.requests = true,
		.enter = break_writes, .leave = let_go,
	},
	{
		.desc = "netfs request under way", .umount_only = true, .netfs = true,
		.enter = netfs_request, .leave = end_netfs_request,
	},
	{
		.desc = "late oplock break with netfs", .umount_only = true,
		.netfs = true, .deferred = true,
		.enter = netfs_request_break_late, .leave = end_netfs_request,
	},
	{
		.desc = "late oplock break", .umount_only = true,
		.requests = true, .deferred = true,
		.enter = read_completes_break_late, .leave = let_go,
	},
	{
		.desc = "put by another task", .deferred = true, .two_files = true,
		.enter = put_by_other, .leave = let_go,
	},
	{
		.desc = "put by another task, retried", .deferred = true,
		.retries = true, .two_files = true,
		.enter = put_by_other_retried, .leave = let_go,
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
	const struct cifs_kunit_stage *stage = prev ? prev : stages - 1;

	/* up to 6.1 KUnit has a parameter pass that is skipped */
	do {
		if (++stage == stages + ARRAY_SIZE(stages))
			return NULL;
	} while (stage->netfs && !IS_ENABLED(CONFIG_CIFS_KUNIT_NETFS));
	strscpy(desc, stage->desc, KUNIT_PARAM_DESC_SIZE);
	return stage;
}

/**
 * cifs_kunit_stage_params_exit() - the stages that are not for umount only
 * @prev: the stage before, or NULL
 * @desc: gets the name of the next one
 *
 * Return: the next stage, or NULL.
 */
const void *cifs_kunit_stage_params_exit(const void *prev, char *desc)
{
	const struct cifs_kunit_stage *stage = prev;

	do {
		stage = cifs_kunit_stage_params(stage, desc);
	} while (stage && stage->umount_only);
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
	INIT_DELAYED_WORK(&put->answer, answer_work);
	put->file = cifs_kunit_open(fx, cifs_kunit_create(fx, "file"), O_RDWR);
	if (stage->two_files)
		put->other = cifs_kunit_open(fx, cifs_kunit_create(fx, "other"), O_RDWR);
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
	end_netfs_request(fx);
	cancel_delayed_work_sync(&put->answer);
	if (put->work)
		answer_request(fx);
	cifs_close_all_deferred_files(fx->tcon);
	list_for_each_entry(file, &fx->files, list)
		cifs_kunit_wait_freed(file);
}
