// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_put: what one put of an open file does, and where.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "cifsglob.h"
#include "cifsfs.h"
#include "cifsproto.h"
#include "cifs_debug.h"
#include "cifs_fs_sb.h"
#include "fs_context.h"
#include "cifs_fault.h"
#include "cifs_fixture.h"
#include "compat.h"

/* The cases read from lockdep what was held, and by which queue's worker. */
static int cifs_put_init(struct kunit *test)
{
	KUNIT_ASSERT_TRUE_MSG(test, debug_locks,
			      "lockdep was dead before this case began");
	return cifs_fixture_init(test);
}

static struct cifs_kunit_file *open_one(struct cifs_fixture *fx)
{
	return cifs_kunit_open(fx, cifs_kunit_create(fx, "file"), O_RDWR);
}

static void not_last_closes_nothing(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx);

	cifsFileInfo_get(file->cfile);
	cifs_kunit_put(file->cfile, true, false);

	KUNIT_EXPECT_EQ(test, fx->nr_events, 0);
	KUNIT_ASSERT_FALSE(test, file->freed);
	KUNIT_EXPECT_EQ(test, file->cfile->count, 1);
	KUNIT_EXPECT_FALSE(test, list_empty(&fx->tcon->openFileList));
	KUNIT_EXPECT_FALSE(test, list_empty(&CIFS_I(file->inode)->openFileList));

	cifs_kunit_put(file->cfile, true, false);
}

static void last_closes_once(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx);
	const struct cifs_kunit_event *close;

	cifs_kunit_put(file->cfile, true, false);

	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 1);
	close = cifs_kunit_event(fx, CIFS_KUNIT_CLOSE, 0);
	KUNIT_ASSERT_NOT_NULL(test, close);
	KUNIT_EXPECT_EQ(test, close->fid, file->fid);
	KUNIT_EXPECT_EQ(test, close->nr_locks, 0);
	cifs_kunit_expect_here(test, close);
}

static void close_getattr_is_preferred(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx);

	cifs_kunit_prefer_getattr(&fx->ops);
	cifs_kunit_put(file->cfile, true, false);

	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 0);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE_GETATTR), 1);
	cifs_kunit_expect_here(test,
			       cifs_kunit_event(fx, CIFS_KUNIT_CLOSE_GETATTR, 0));
}

static void put_offload(struct cifs_kunit_task *self)
{
	struct cifs_kunit_file *file = self->data;

	cifs_kunit_put(file->cfile, true, true);
}

static void put_plain(struct cifs_kunit_task *self)
{
	struct cifs_kunit_file *file = self->data;

	cifsFileInfo_put(file->cfile);
}

/*
 * The test holds lock_sem over the put: a put that returns has neither made
 * the final part itself nor waited for it.
 */
static void expect_offloaded(struct kunit *test,
			     void (*put)(struct cifs_kunit_task *self))
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx);
	struct cifsInodeInfo *cinode = CIFS_I(file->inode);
	struct cifs_kunit_task task = {
		.name = "putter", .run = put, .data = file,
	};
	const struct cifs_kunit_event *close;
	bool returned;

	cifs_down_write(&cinode->lock_sem);
	cifs_kunit_task_start(test, &task);
	returned = cifs_kunit_task_join(&task);
	KUNIT_EXPECT_TRUE_MSG(test, returned, "the put waits for lock_sem");
	KUNIT_EXPECT_FALSE(test, file->freed);
	up_write(&cinode->lock_sem);
	cifs_kunit_task_untangled(&task);

	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	cifs_kunit_expect_queue(test, cifs_kunit_event(fx, CIFS_KUNIT_FREED, 0),
				"cifsfileinfoput");
	close = cifs_kunit_event(fx, CIFS_KUNIT_CLOSE, 0);
	KUNIT_ASSERT_NOT_NULL(test, close);
	KUNIT_EXPECT_FALSE(test, close->worker);
}

static void offload_runs_in_worker(struct kunit *test)
{
	cifs_kunit_need_offload(test);
	expect_offloaded(test, put_offload);
}

static void plain_put_offloads(struct kunit *test)
{
	cifs_kunit_need_offload(test);
	expect_offloaded(test, put_plain);
}

static void inline_has_run_on_return(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx);

	cifs_kunit_put(file->cfile, true, false);

	KUNIT_EXPECT_TRUE(test, file->freed);
	cifs_kunit_expect_here(test, cifs_kunit_event(fx, CIFS_KUNIT_FREED, 0));
}

/* The callers that must not offload: each has put the file on return. */

static void by_close(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	cifs_close(file->inode, &file->filp);
}

/* The allocation of the next drain that fails; only those that may not sleep. */
static unsigned int drain_fail_nth;

static void defer_close_for_ever(struct cifs_fixture *fx,
				 struct cifs_kunit_file *file)
{
	cifs_kunit_defer_close(fx, file, 100 * MSEC_PER_SEC);
	KUNIT_ASSERT_FALSE(fx->test, file->freed);
	KUNIT_EXPECT_TRUE(fx->test, delayed_work_pending(cifs_kunit_deferred(file->cfile)));
	current->fail_nth = drain_fail_nth;
}

static void by_deferred_file(struct cifs_fixture *fx,
			     struct cifs_kunit_file *file)
{
	defer_close_for_ever(fx, file);
	cifs_close_deferred_file(CIFS_I(file->inode));
}

static void by_all_deferred_files(struct cifs_fixture *fx,
				  struct cifs_kunit_file *file)
{
	defer_close_for_ever(fx, file);
	cifs_close_all_deferred_files(fx->tcon);
}

static void by_deferred_under_dentry(struct cifs_fixture *fx,
				     struct cifs_kunit_file *file)
{
	defer_close_for_ever(fx, file);
	cifs_kunit_close_deferred_under(fx->tcon, file->dentry);
}

struct caller {
	const char *name;
	void (*run)(struct cifs_fixture *fx, struct cifs_kunit_file *file);
};

static const struct caller callers[] = {
	{ "cifs_close", by_close },
	{ "cifs_close_deferred_file", by_deferred_file },
	{ "cifs_close_all_deferred_files", by_all_deferred_files },
	{ "cifs_close_deferred_file_under_dentry", by_deferred_under_dentry },
};

static void caller_desc(const struct caller *caller, char *desc)
{
	strscpy(desc, caller->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(caller, callers, caller_desc);

static void caller_does_not_offload(struct kunit *test)
{
	const struct caller *caller = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	if (caller->run != by_close)
		cifs_kunit_need_deferred(test);
	file = open_one(fx);
	caller->run(fx, file);

	KUNIT_EXPECT_TRUE(test, file->freed);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 1);
	cifs_kunit_expect_here(test, cifs_kunit_event(fx, CIFS_KUNIT_FREED, 0));
}

static void deferred_work_does_not_offload(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_deferred(test);
	file = open_one(fx);
	cifs_kunit_defer_close(fx, file, 20);

	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	cifs_kunit_expect_queue(test, cifs_kunit_event(fx, CIFS_KUNIT_FREED, 0),
				"deferredclose");
}

/* The user's close comes in the middle of the break: the worker's is last. */
static void close_under_break(struct cifs_fixture *fx)
{
	struct cifs_kunit_file *file = fx->hook_data;

	fx->on_downgrade = NULL;
	cifs_kunit_drop(file);
}

static bool break_pending(struct cifs_kunit_file *file)
{
	return test_bit(CIFS_INODE_PENDING_OPLOCK_BREAK,
			&CIFS_I(file->inode)->flags);
}

static void oplock_break_does_not_offload(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx);

	fx->on_downgrade = close_under_break;
	fx->hook_data = file;
	cifs_kunit_break_oplock(fx, file);

	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	cifs_kunit_expect_queue(test, cifs_kunit_event(fx, CIFS_KUNIT_FREED, 0),
				"cifsoplockd");
	KUNIT_EXPECT_TRUE(test, cifs_kunit_poll(!break_pending(file)));
	cifs_kunit_flush(fx, cifsoplockd_wq);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_OPLOCK_RESPONSE),
			!IS_ENABLED(CONFIG_CIFS_KUNIT_ANSWER_AFTER_PUT));
}

static void oplock_break_of_open_file_is_answered(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx);

	cifs_kunit_break_oplock(fx, file);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_poll(!break_pending(file)));
	cifs_kunit_flush(fx, cifsoplockd_wq);

	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_OPLOCK_RESPONSE), 1);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 0);
	KUNIT_EXPECT_EQ(test, file->cfile->count, 1);
	cifs_kunit_put(file->cfile, true, false);
}

/* Another handle is open, for whose sake the break is answered. */
static void oplock_break_answers_for_its_handle(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct dentry *dentry = cifs_kunit_create(fx, "file");
	struct cifs_kunit_file *broken = cifs_kunit_open(fx, dentry, O_RDWR);
	struct cifs_kunit_file *other = cifs_kunit_open(fx, dentry, O_RDWR);
	const struct cifs_kunit_event *answer;

	fx->on_downgrade = close_under_break;
	fx->hook_data = broken;
	cifs_kunit_break_oplock(fx, broken);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_poll(!break_pending(broken)));
	cifs_kunit_flush(fx, cifsoplockd_wq);

	KUNIT_EXPECT_TRUE(test, broken->freed);
	answer = cifs_kunit_event(fx, CIFS_KUNIT_OPLOCK_RESPONSE, 0);
	KUNIT_EXPECT_NOT_NULL(test, answer);
	if (answer)
		KUNIT_EXPECT_EQ(test, answer->fid, broken->fid);
	cifs_kunit_put(other->cfile, true, false);
}

static void by_waiting_put(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	cifs_kunit_put(file->cfile, true, false);
}

static void by_put(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	cifs_kunit_put(file->cfile, false, false);
}

/*
 * An oplock break closes the inode's deferred files, and must not wait for
 * itself. All others wait: the file's break is cancelled, or has ended.
 */
static const struct putter {
	const char *name;
	void (*run)(struct cifs_fixture *fx, struct cifs_kunit_file *file);
	bool waits;
	bool in_need;
} putters[] = {
	{ "asked to wait", by_waiting_put, .waits = true },
	{ "not asked to", by_put },
	{ "close", by_close, .waits = true },
	{ "inode", by_deferred_file },
	{ "inode, no memory", by_deferred_file, .in_need = true },
	{ "tcon", by_all_deferred_files, .waits = true },
	{ "tcon, no memory", by_all_deferred_files, .waits = true, .in_need = true },
	{ "name", by_deferred_under_dentry, .waits = true },
	{ "name, no memory", by_deferred_under_dentry, .waits = true, .in_need = true },
};

static void putter_desc(const struct putter *putter, char *desc)
{
	strscpy(desc, putter->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(putter, putters, putter_desc);

static void note_pending_break(struct cifs_fixture *fx)
{
	const struct putter *putter = fx->test->param_value;
	struct cifs_kunit_file *file = fx->hook_data;

	fx->on_close = NULL;
	KUNIT_EXPECT_EQ(fx->test, cancel_work_sync(&file->cfile->oplock_break), !putter->waits);
}

/* One that is queued, but has no reference, and cannot begin in a freeze. */
static void pending_break_is_cancelled(struct kunit *test)
{
	const struct putter *putter = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	if (putter - putters > 2)
		cifs_kunit_need_deferred(test);
	file = open_one(fx);
	fx->on_close = note_pending_break;
	fx->hook_data = file;
	set_bit(CIFS_INODE_PENDING_OPLOCK_BREAK, &CIFS_I(file->inode)->flags);
	freeze_workqueues_begin();
	queue_work(cifsoplockd_wq, &file->cfile->oplock_break);
	drain_fail_nth = putter->in_need;
	cifs_kunit_swap_fail_nth(test, false);
	putter->run(fx, file);
	cifs_kunit_swap_fail_nth(test, false);
	KUNIT_EXPECT_EQ(test, current->fail_nth, 0);
	current->fail_nth = 0;
	drain_fail_nth = 0;
	KUNIT_EXPECT_TRUE(test, file->freed);
	thaw_workqueues();
	KUNIT_EXPECT_EQ(test, break_pending(file), !putter->waits);
	cifs_done_oplock_break(CIFS_I(file->inode));
}

/*
 * A deferred close that has begun clears the flag when it comes to it, by when
 * the next one may be queued: the close after that queues nothing.
 */
static void queued_already_keeps_no_reference(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_deferred(test);
	file = open_one(fx);
	cifs_kunit_defer_close(fx, file, 20);
	cifs_kunit_set_scheduled(file->cfile, false);
	/* as cifs_open() takes it */
	cifsFileInfo_get(file->cfile);
	file->filp.private_data = file->cfile;
	cifs_kunit_forget_deferred(CIFS_I(file->inode), file->cfile);
	cifs_kunit_defer_close(fx, file, 20);

	KUNIT_EXPECT_FALSE(test, file->freed);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 1);
}

/* Byte-range locks, through the real cifs_lock(), cached on the client. */

static int lock_all(struct cifs_kunit_file *file, bool wait)
{
	struct file_lock fl = CIFS_KUNIT_WRITE_LOCK(wait);

	return cifs_lock(&file->filp, F_SETLK, &fl);
}

static struct cifsLockInfo *first_lock(struct cifs_kunit_file *file)
{
	return list_first_entry_or_null(&file->cfile->llist->locks,
					struct cifsLockInfo, llist);
}

static void lock_records_are_freed(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx);

	CIFS_I(file->inode)->can_cache_brlcks = true;
	KUNIT_ASSERT_EQ(test, lock_all(file, false), 0);
	KUNIT_ASSERT_NOT_NULL(test, first_lock(file));
	cifs_kunit_watch(fx, first_lock(file), "lock record");
	cifs_kunit_watch(fx, file->cfile->llist, "lock list of the handle");

	cifs_kunit_put(file->cfile, true, false);

	KUNIT_EXPECT_TRUE(test, list_empty(&CIFS_I(file->inode)->llist));
}

static void lock_and_wait(struct cifs_kunit_task *self)
{
	self->rc = lock_all(self->data, true);
}

/* The record that waits for the first lock of @holder, or NULL. */
static struct cifsLockInfo *lock_waiter(struct cifs_kunit_file *holder)
{
	struct cifsInodeInfo *cinode = CIFS_I(holder->inode);
	struct cifsLockInfo *li, *waiter = NULL;

	down_read(&cinode->lock_sem);
	li = first_lock(holder);
	if (li)
		waiter = list_first_entry_or_null(&li->blist,
						  struct cifsLockInfo, blist);
	up_read(&cinode->lock_sem);
	return waiter;
}

/* What the put should have done for the waiter @li, done now. */
static void wake_lock_waiter(struct cifs_kunit_file *holder,
			     struct cifsLockInfo *li)
{
	struct cifsInodeInfo *cinode = CIFS_I(holder->inode);

	cifs_down_write(&cinode->lock_sem);
	if (!holder->freed && first_lock(holder))
		list_del(&first_lock(holder)->llist);
	/* what it is queued on may be freed, so no list_del() */
	INIT_LIST_HEAD(&li->blist);
	up_write(&cinode->lock_sem);
	wake_up(&li->block_q);
}

static void lock_waiter_is_woken(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct dentry *dentry = cifs_kunit_create(fx, "file");
	struct cifs_kunit_file *holder = cifs_kunit_open(fx, dentry, O_RDWR);
	struct cifs_kunit_file *waiter = cifs_kunit_open(fx, dentry, O_RDWR);
	struct cifs_kunit_task task = {
		.name = "waiter", .run = lock_and_wait, .data = waiter,
	};
	struct cifsLockInfo *li;

	CIFS_I(holder->inode)->can_cache_brlcks = true;
	KUNIT_ASSERT_EQ(test, lock_all(holder, false), 0);
	cifs_kunit_task_start(test, &task);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_poll(lock_waiter(holder)));
	li = lock_waiter(holder);

	cifs_kunit_put(holder->cfile, true, false);

	if (!cifs_kunit_task_join(&task)) {
		KUNIT_FAIL(test, "still waits for the lock of a closed file");
		cifs_kunit_task_report(test, &task);
		if (li)
			wake_lock_waiter(holder, li);
		cifs_kunit_task_untangled(&task);
	}
	KUNIT_EXPECT_EQ(test, task.rc, 0);
	cifs_kunit_put(waiter->cfile, true, false);
}

/* What the put leaves on the tcon and the inode. */

static void pending_open_spans_the_close(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx);
	const struct cifs_kunit_event *close;

	cifs_kunit_put(file->cfile, true, false);

	close = cifs_kunit_event(fx, CIFS_KUNIT_CLOSE, 0);
	KUNIT_ASSERT_NOT_NULL(test, close);
	KUNIT_EXPECT_TRUE(test, close->pending_opens);
	KUNIT_EXPECT_TRUE(test, list_empty(&fx->tcon->pending_opens));
}

static void references_are_balanced(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct dentry *dentry = cifs_kunit_create(fx, "file");
	struct cifs_kunit_file *file = cifs_kunit_open(fx, dentry, O_RDWR);

	KUNIT_EXPECT_EQ(test, d_count(dentry), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->tlink->tl_count), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->tcon->num_local_opens), 1);

	cifs_kunit_put(file->cfile, true, false);

	KUNIT_EXPECT_EQ(test, d_count(dentry), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->tlink->tl_count), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->tcon->num_local_opens), 0);
	KUNIT_EXPECT_EQ(test, fx->tcon->tc_count, 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->sb->s_active), 1);
}

static void symlink_target_is_freed(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;
	char *target;

	cifs_kunit_need_symlink_target(test);
	file = open_one(fx);
	target = kstrdup("target", GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, target);
	cifs_kunit_set_symlink_target(file->cfile, target);
	cifs_kunit_watch(fx, target, "target of a link");
	cifs_kunit_put(file->cfile, true, false);
}

#define ALLOCATIONS_AT_MOST	40
/* The record of the fixture, the cfile, its list of locks, and its target. */
#define ALLOCATIONS_NEEDED	(3 + IS_ENABLED(CONFIG_CIFS_KUNIT_SYMLINK_TARGET))

/* There are others, kmemleak's, that an open survives the failure of. */
static void open_fails_without_memory(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct dentry *dentry = cifs_kunit_create(fx, "file");
	unsigned int n, left = 0, nr_failed = 0;
	struct cifs_kunit_file *file;

	fx->symlink_target = "target";
	for (n = 1; !left && n < ALLOCATIONS_AT_MOST; n++) {
		cifs_kunit_swap_fail_nth(test, true);
		current->fail_nth = n;
		file = cifs_kunit_try_open(fx, dentry, O_RDWR);
		left = current->fail_nth;
		current->fail_nth = 0;
		cifs_kunit_swap_fail_nth(test, true);
		if (file)
			cifs_kunit_put(file->cfile, true, false);
		nr_failed += !file;
		KUNIT_EXPECT_EQ(test, d_count(dentry), 1);
		KUNIT_EXPECT_EQ(test, atomic_read(&fx->tlink->tl_count), 0);
	}
	KUNIT_EXPECT_NE(test, left, 0);
	KUNIT_EXPECT_EQ(test, nr_failed, ALLOCATIONS_NEEDED);
}

/* Where the flag is that is set: a bit-field has no address. Clears it. */
static const void *byte_set(struct cifsFileInfo *cfile)
{
	const void *byte = memchr_inv(cfile, 0, sizeof(*cfile));

	memset(cfile, 0, sizeof(*cfile));
	return byte;
}

/* A reconnect, a break and a close each set theirs, under locks that differ. */
static void flags_share_no_byte(struct kunit *test)
{
	struct cifsFileInfo *cfile = kunit_kzalloc(test, sizeof(*cfile), GFP_KERNEL);
	const void *invalid, *cancelled, *scheduled;

	KUNIT_ASSERT_NOT_NULL(test, cfile);
	cifs_kunit_need_deferred(test);
	cfile->invalidHandle = true;
	invalid = byte_set(cfile);
	cfile->oplock_break_cancelled = true;
	cancelled = byte_set(cfile);
	cifs_kunit_set_scheduled(cfile, true);
	scheduled = byte_set(cfile);
	KUNIT_ASSERT_NOT_NULL(test, invalid);
	KUNIT_EXPECT_PTR_NE(test, invalid, cancelled);
	KUNIT_EXPECT_PTR_NE(test, invalid, scheduled);
	KUNIT_EXPECT_PTR_NE(test, cancelled, scheduled);
}

static void invalid_handle_sends_no_close(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx);

	file->cfile->invalidHandle = true;
	cifs_kunit_put(file->cfile, true, false);

	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 0);
	KUNIT_EXPECT_TRUE(test, file->freed);
}

static void lost_tcon_sends_no_close(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx);

	fx->tcon->need_reconnect = true;
	cifs_kunit_put(file->cfile, true, false);

	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 0);
	KUNIT_EXPECT_TRUE(test, file->freed);
}

static void last_open_clears_oplock(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct dentry *dentry = cifs_kunit_create(fx, "file");
	struct cifs_kunit_file *first = cifs_kunit_open(fx, dentry, O_RDWR);
	struct cifs_kunit_file *last = cifs_kunit_open(fx, dentry, O_RDWR);
	struct cifsInodeInfo *cinode = CIFS_I(first->inode);

	cinode->oplock = CIFS_CACHE_RHW_FLG;
	cifs_kunit_put(first->cfile, true, false);
	KUNIT_EXPECT_EQ(test, cinode->oplock, CIFS_CACHE_RHW_FLG);

	cifs_kunit_put(last->cfile, true, false);
	KUNIT_EXPECT_EQ(test, cinode->oplock, 0);
}

static const unsigned int strict_modes[] = { 0, CIFS_MOUNT_STRICT_IO };

static void strict_desc(const unsigned int *flags, char *desc)
{
	strscpy(desc, *flags ? "strict" : "not strict", KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(strict, strict_modes, strict_desc);

static void last_open_invalidates_mapping(struct kunit *test)
{
	const unsigned int *flags = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct dentry *dentry = cifs_kunit_create(fx, "file");
	struct cifs_kunit_file *first = cifs_kunit_open(fx, dentry, O_RDWR);
	struct cifs_kunit_file *last = cifs_kunit_open(fx, dentry, O_RDWR);
	struct cifsInodeInfo *cinode = CIFS_I(first->inode);

	cifs_kunit_mount_flags(fx->cifs_sb, *flags);
	cifs_kunit_put(first->cfile, true, false);
	KUNIT_EXPECT_FALSE(test, test_bit(CIFS_INO_INVALID_MAPPING, &cinode->flags));

	cifs_kunit_put(last->cfile, true, false);
	KUNIT_EXPECT_EQ(test, test_bit(CIFS_INO_INVALID_MAPPING, &cinode->flags),
			!!*flags);
}

/* A server that does not want to close just now. */

struct busy {
	int rc;
	bool offload;
};

static const struct busy busy_answers[] = {
	{ -EBUSY, false }, { -EBUSY, true }, { -EAGAIN, false }, { -EAGAIN, true },
};

static void busy_desc(const struct busy *busy, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s%s",
		 busy->rc == -EBUSY ? "EBUSY" : "EAGAIN",
		 busy->offload ? ", offload" : "");
}

KUNIT_ARRAY_PARAM(busy, busy_answers, busy_desc);

static void expect_final_of_serverclose(struct kunit *test, bool offload)
{
	struct cifs_fixture *fx = test->priv;

	cifs_kunit_expect_queue(test, cifs_kunit_event(fx, CIFS_KUNIT_FREED, 0),
				offload ? "cifsfileinfoput" : "serverclose");
}

static void busy_close_is_retried(struct kunit *test)
{
	const struct busy *busy = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_serverclose(test);
	if (busy->offload)
		cifs_kunit_need_offload(test);
	file = open_one(fx);
	fx->close_rc[0] = busy->rc;
	fx->nr_close_rc = 1;
	cifs_kunit_put(file->cfile, true, busy->offload);

	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 2);
	cifs_kunit_expect_here(test, cifs_kunit_event(fx, CIFS_KUNIT_CLOSE, 0));
	cifs_kunit_expect_queue(test, cifs_kunit_event(fx, CIFS_KUNIT_CLOSE, 1),
				"serverclose");
	expect_final_of_serverclose(test, busy->offload);
}

static void busy_close_getattr_is_retried(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_serverclose(test);
	file = open_one(fx);
	cifs_kunit_prefer_getattr(&fx->ops);
	fx->close_rc[0] = -EBUSY;
	fx->nr_close_rc = 1;
	cifs_kunit_put(file->cfile, true, false);

	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE_GETATTR), 2);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 0);
}

/* One close of the put itself, and MAX_RETRIES of serverclose_work(). */
#define CLOSES_AT_MOST	5

static void busy_close_is_given_up(struct kunit *test)
{
	const struct busy *busy = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_serverclose(test);
	if (busy->offload)
		cifs_kunit_need_offload(test);
	file = open_one(fx);
	while (fx->nr_close_rc < ARRAY_SIZE(fx->close_rc))
		fx->close_rc[fx->nr_close_rc++] = busy->rc;
	cifs_kunit_put(file->cfile, true, busy->offload);

	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE),
			CLOSES_AT_MOST);
	expect_final_of_serverclose(test, busy->offload);
}

static void failed_close_is_not_retried(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx);

	fx->close_rc[0] = -EIO;
	fx->nr_close_rc = 1;
	cifs_kunit_put(file->cfile, true, false);

	KUNIT_EXPECT_TRUE(test, file->freed);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 1);
}

static struct kunit_case cifs_put_cases[] = {
	KUNIT_CASE(not_last_closes_nothing),
	KUNIT_CASE(last_closes_once),
	KUNIT_CASE(pending_open_spans_the_close),
	KUNIT_CASE(close_getattr_is_preferred),
	KUNIT_CASE(offload_runs_in_worker),
	KUNIT_CASE(plain_put_offloads),
	KUNIT_CASE(inline_has_run_on_return),
	KUNIT_CASE_PARAM(caller_does_not_offload, caller_gen_params),
	KUNIT_CASE(deferred_work_does_not_offload),
	KUNIT_CASE(oplock_break_does_not_offload),
	KUNIT_CASE(oplock_break_of_open_file_is_answered),
	KUNIT_CASE(oplock_break_answers_for_its_handle),
	KUNIT_CASE_PARAM(pending_break_is_cancelled, putter_gen_params),
	KUNIT_CASE(queued_already_keeps_no_reference),
	KUNIT_CASE(lock_records_are_freed),
	KUNIT_CASE(lock_waiter_is_woken),
	KUNIT_CASE(references_are_balanced),
	KUNIT_CASE(symlink_target_is_freed),
	KUNIT_CASE(open_fails_without_memory),
	KUNIT_CASE(flags_share_no_byte),
	KUNIT_CASE(invalid_handle_sends_no_close),
	KUNIT_CASE(lost_tcon_sends_no_close),
	KUNIT_CASE(last_open_clears_oplock),
	KUNIT_CASE_PARAM(last_open_invalidates_mapping, strict_gen_params),
	KUNIT_CASE_PARAM(busy_close_is_retried, busy_gen_params),
	KUNIT_CASE(busy_close_getattr_is_retried),
	KUNIT_CASE_PARAM_ATTR(busy_close_is_given_up, busy_gen_params,
			      { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE(failed_close_is_not_retried),
	{}
};

static struct kunit_suite cifs_put_suite = {
	.name = "cifs_put",
	.init = cifs_put_init,
	.exit = cifs_fixture_exit,
	.test_cases = cifs_put_cases,
};

kunit_test_suite(cifs_put_suite);

MODULE_LICENSE("GPL");
