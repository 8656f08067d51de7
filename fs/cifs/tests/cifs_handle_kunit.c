// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_handle: what an open, a close that is deferred, and an
 * oplock break do with a handle, down each of their paths.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include "cifsglob.h"
#include "cifsfs.h"
#include "cifsproto.h"
#include "cifs_debug.h"
#include "cifs_fs_sb.h"
#include "cifs_fault.h"
#include "cifs_fixture.h"
#include "compat.h"

/* Long enough to see that nothing has waited for it, in ms. */
#define FOR_EVER	(100 * MSEC_PER_SEC)

/* The mount whose case is under way, for operations that are not told. */
static struct cifs_fixture *current_fx;

static int cifs_handle_init(struct kunit *test)
{
	int rc = cifs_fixture_init(test);

	current_fx = test->priv;
	return rc;
}

static struct cifs_kunit_file *open_one(struct cifs_fixture *fx, unsigned int f_flags)
{
	return cifs_kunit_open(fx, cifs_kunit_create(fx, "file"), f_flags);
}

static void put(struct cifs_kunit_file *file)
{
	cifs_kunit_put(file->cfile, true, false);
}

/*
 * Have the n-th allocation of this task fail, be it one that may sleep, but of
 * slabs alone: those of pages do not come in the same order each time.
 */

static struct cifs_kunit_knob fault_knobs[] = {
	{ "failslab", "ignore-gfp-wait", sizeof(bool), false },
	{ "failslab", "verbose", sizeof(unsigned long), 0 },
	{ "fail_page_alloc", "min-order", sizeof(u32), U32_MAX },
};

static void fail_allocation(struct kunit *test, unsigned int n)
{
	KUNIT_EXPECT_TRUE(test, cifs_kunit_swap_knobs(test, fault_knobs,
						      ARRAY_SIZE(fault_knobs)));
	current->fail_nth = n;
}

/* Return: whether there was an n-th allocation. */
static bool allocation_failed(struct kunit *test)
{
	bool failed = !current->fail_nth;

	current->fail_nth = 0;
	cifs_kunit_swap_knobs(test, fault_knobs, ARRAY_SIZE(fault_knobs));
	return failed;
}

/* Open. */

#define ALLOCATIONS_AT_MOST	40
/* The record of the fixture, the cfile, its list of locks, and its target. */
#define ALLOCATIONS_NEEDED	(3 + IS_ENABLED(CONFIG_CIFS_KUNIT_SYMLINK_TARGET))

/* There are others, kmemleak's, that an open survives the failure of. */
static void open_fails_without_memory(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct dentry *dentry = cifs_kunit_create(fx, "file");
	unsigned int n, nr_failed = 0;
	struct cifs_kunit_file *file;
	bool failed = true;

	fx->symlink_target = "target";
	for (n = 1; failed && n < ALLOCATIONS_AT_MOST; n++) {
		fail_allocation(test, n);
		file = cifs_kunit_try_open(fx, dentry, O_RDWR);
		failed = allocation_failed(test);
		if (file)
			put(file);
		nr_failed += !file;
		KUNIT_EXPECT_EQ(test, d_count(dentry), 1);
		KUNIT_EXPECT_EQ(test, atomic_read(&fx->tlink->tl_count), 0);
		KUNIT_EXPECT_TRUE(test, list_empty(&fx->tcon->openFileList));
		KUNIT_EXPECT_TRUE(test, list_empty(&CIFS_I(d_inode(dentry))->llist));
	}
	KUNIT_EXPECT_FALSE(test, failed);
	KUNIT_EXPECT_EQ(test, nr_failed, ALLOCATIONS_NEEDED);
}

static bool break_while_opening(u32 oplock)
{
	struct cifs_pending_open *open;

	open = list_first_entry(&current_fx->tcon->pending_opens,
				struct cifs_pending_open, olist);
	open->oplock = CIFS_CACHE_READ_FLG;
	return false;
}

/* The break is for a handle that the client does not know yet. */
static void break_while_opening_counts(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct dentry *dentry = cifs_kunit_create(fx, "file");
	struct cifsInodeInfo *cinode = CIFS_I(d_inode(dentry));
	struct cifs_kunit_file *file;

	cinode->oplock = CIFS_CACHE_RHW_FLG;
	fx->ops.is_read_op = break_while_opening;
	file = cifs_kunit_open(fx, dentry, O_RDWR);
	KUNIT_EXPECT_EQ(test, cinode->oplock, CIFS_CACHE_READ_FLG);
	put(file);

	cinode->oplock = 0;
	file = cifs_kunit_open(fx, dentry, O_RDWR);
	KUNIT_EXPECT_EQ(test, cinode->oplock, 0);
	put(file);
}

static int lock_all(struct cifs_kunit_file *file)
{
	struct file_lock fl = CIFS_KUNIT_WRITE_LOCK(false);

	return cifs_lock(&file->filp, F_SETLK, &fl);
}

static void read_oplock_ends_at_locks(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct dentry *dentry = cifs_kunit_create(fx, "file");
	struct cifsInodeInfo *cinode = CIFS_I(d_inode(dentry));
	struct cifs_kunit_file *locked, *other;

	cinode->oplock = CIFS_CACHE_READ_FLG;
	locked = cifs_kunit_open(fx, dentry, O_RDWR);
	KUNIT_EXPECT_EQ(test, cinode->oplock, CIFS_CACHE_READ_FLG);
	cinode->can_cache_brlcks = true;
	KUNIT_ASSERT_EQ(test, lock_all(locked), 0);
	cinode->oplock = CIFS_CACHE_READ_FLG;
	other = cifs_kunit_open(fx, dentry, O_RDWR);
	KUNIT_EXPECT_EQ(test, cinode->oplock, 0);
	put(other);
	put(locked);
}

static void (*usual_set_fid)(struct cifsFileInfo *cfile, struct cifs_fid *fid,
			     __u32 oplock);

static void set_fid_and_purge(struct cifsFileInfo *cfile, struct cifs_fid *fid,
			      __u32 oplock)
{
	usual_set_fid(cfile, fid, oplock);
	fid->purge_cache = true;
}

static void open_purges_cache(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *first, *second;
	struct dentry *dentry;

	cifs_kunit_need_requests(test);
	dentry = cifs_kunit_create(fx, "file");
	first = cifs_kunit_open(fx, dentry, O_RDWR);
	KUNIT_ASSERT_EQ(test, cifs_kunit_write_page(first), PAGE_SIZE);
	KUNIT_ASSERT_NE(test, first->inode->i_mapping->nrpages, 0);
	usual_set_fid = fx->ops.set_fid;
	fx->ops.set_fid = set_fid_and_purge;
	second = cifs_kunit_open(fx, dentry, O_RDWR);
	KUNIT_EXPECT_EQ(test, first->inode->i_mapping->nrpages, 0);
	put(second);
	put(first);
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

/* Close. */

static void get_lease_key(struct inode *inode, struct cifs_fid *fid)
{
	memset(fid->lease_key, 'k', sizeof(fid->lease_key));
}

static void expect_lease_key(struct cifs_fixture *fx)
{
	struct cifs_pending_open *open;

	open = list_first_entry_or_null(&fx->tcon->pending_opens,
					struct cifs_pending_open, olist);
	KUNIT_EXPECT_NOT_NULL(fx->test, open);
	if (open)
		KUNIT_EXPECT_EQ(fx->test, open->lease_key[0], 'k');
}

/* A break of the lease finds the file while it is closed. */
static void lease_key_spans_the_close(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;

	fx->ops.get_lease_key = get_lease_key;
	fx->on_close = expect_lease_key;
	put(open_one(fx, O_RDWR));
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 1);
}

static void server_may_have_no_close(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx, O_RDWR);

	fx->ops.close = NULL;
	put(file);
	KUNIT_EXPECT_TRUE(test, file->freed);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 0);
}

static void busy_close_getattr_is_retried(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_serverclose(test);
	file = open_one(fx, O_RDWR);
	cifs_kunit_prefer_getattr(&fx->ops);
	fx->close_rc[0] = -EBUSY;
	fx->nr_close_rc = 1;
	put(file);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE_GETATTR), 2);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 0);
}

static void close_without_handle(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx, O_RDWR);

	file->filp.private_data = NULL;
	KUNIT_EXPECT_EQ(test, cifs_close(file->inode, &file->filp), 0);
	KUNIT_EXPECT_EQ(test, fx->nr_events, 0);
	put(file);
}

/* What keeps a close from being deferred. */

static void no_timeout(struct cifs_kunit_file *file)
{
	cifs_kunit_keep_handles(file->inode, 0);
}

static void no_lease(struct cifs_kunit_file *file)
{
	cifs_kunit_keep_handles(file->inode, FOR_EVER);
	cifs_kunit_take_lease(file->inode);
}

static void no_handle_lease(struct cifs_kunit_file *file)
{
	cifs_kunit_keep_handles(file->inode, FOR_EVER);
	CIFS_I(file->inode)->oplock = CIFS_CACHE_RW_FLG;
}

static void locked(struct cifs_kunit_file *file)
{
	cifs_kunit_keep_handles(file->inode, FOR_EVER);
	CIFS_I(file->inode)->can_cache_brlcks = true;
	KUNIT_EXPECT_EQ(current_fx->test, lock_all(file), 0);
}

static void no_memory(struct cifs_kunit_file *file)
{
	cifs_kunit_keep_handles(file->inode, FOR_EVER);
	fail_allocation(current_fx->test, 1);
}

static const struct obstacle {
	const char *name;
	void (*set)(struct cifs_kunit_file *file);
} obstacles[] = {
	{ "no timeout", no_timeout },
	{ "no lease", no_lease },
	{ "lease without handle", no_handle_lease },
	{ "locked", locked },
	{ "no memory", no_memory },
};

static void obstacle_desc(const struct obstacle *obstacle, char *desc)
{
	strscpy(desc, obstacle->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(obstacle, obstacles, obstacle_desc);

static void close_is_not_deferred(struct kunit *test)
{
	const struct obstacle *obstacle = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_deferred(test);
	file = open_one(fx, O_RDWR);
	obstacle->set(file);
	cifs_close(file->inode, &file->filp);
	if (obstacle->set == no_memory)
		KUNIT_EXPECT_TRUE(test, allocation_failed(test));

	KUNIT_EXPECT_TRUE(test, file->freed);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 1);
}

/* Closes that are deferred, of handles that may be written to, and not. */

static const unsigned int modes[] = { O_RDWR, O_RDONLY };

static void mode_desc(const unsigned int *flags, char *desc)
{
	strscpy(desc, *flags == O_RDWR ? "read and write" : "read",
		KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(mode, modes, mode_desc);

static void deferred_close_comes(struct kunit *test)
{
	const unsigned int *flags = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_deferred(test);
	file = open_one(fx, *flags);
	cifs_kunit_set_modified(file->inode);
	cifs_kunit_defer_close(fx, file, 20);
	KUNIT_EXPECT_FALSE(test, file->freed);
	KUNIT_EXPECT_FALSE(test, cifs_kunit_modified(file->inode));
	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 1);
}

static int refuse_open(struct cifs_fixture *fx, enum cifs_kunit_op op, u64 fid)
{
	return op == CIFS_KUNIT_OPEN ? -EACCES : 0;
}

/* The flags differ from those of the handle that there is. */
static void open_with_other_flags_keeps_no_reference(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;
	struct file *filp;

	cifs_kunit_need_deferred(test);
	filp = kunit_kzalloc(test, sizeof(*filp), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, filp);
	file = open_one(fx, O_RDWR);
	memcpy(filp, &file->filp, sizeof(*filp));
	filp->f_flags |= O_SYNC;
	fx->serve = refuse_open;
	KUNIT_EXPECT_EQ(test, cifs_open(file->inode, filp), -EACCES);

	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_OPEN), 1);
	KUNIT_EXPECT_EQ(test, file->cfile->count, 1);
	put(file);
}

/* As cifs_open() takes a handle whose close is deferred. */
static void reopen(struct cifs_kunit_file *file)
{
	struct cifsInodeInfo *cinode = CIFS_I(file->inode);

	cifsFileInfo_get(file->cfile);
	file->filp.private_data = file->cfile;
	cifs_kunit_forget_deferred(cinode, file->cfile);
	/* so does whoever else wants it */
	cifs_kunit_forget_deferred(cinode, file->cfile);
}

static void deferred_again_is_closed_once(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_deferred(test);
	file = open_one(fx, O_RDWR);
	cifs_kunit_defer_close(fx, file, FOR_EVER);
	reopen(file);
	KUNIT_EXPECT_EQ(test, file->cfile->count, 2);
	cifs_kunit_defer_close(fx, file, 20);

	KUNIT_EXPECT_FALSE(test, file->freed);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 1);
}

/* Another close has deferred the same handle meanwhile. */
static void deferred_twice_is_closed_once(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_deferred(test);
	file = open_one(fx, O_RDWR);
	cifs_kunit_defer_close(fx, file, FOR_EVER);
	cifsFileInfo_get(file->cfile);
	file->filp.private_data = file->cfile;
	cifs_kunit_defer_close(fx, file, 20);

	KUNIT_EXPECT_FALSE(test, file->freed);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 1);
}

/*
 * A work that has begun clears the flag when it comes to it, by when the next
 * one may be queued: the close after that queues nothing.
 */
static void queued_already_keeps_no_reference(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_deferred(test);
	file = open_one(fx, O_RDWR);
	cifs_kunit_defer_close(fx, file, 20);
	cifs_kunit_set_scheduled(file->cfile, false);
	reopen(file);
	cifs_kunit_defer_close(fx, file, 20);

	KUNIT_EXPECT_FALSE(test, file->freed);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 1);
}

/* The ways to have all deferred closes now. */

static void drain_inode(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	cifs_close_deferred_file(NULL);
	cifs_close_deferred_file(CIFS_I(file->inode));
}

static void drain_tcon(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	cifs_close_all_deferred_files(fx->tcon);
}

static void freeze(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	KUNIT_EXPECT_EQ(fx->test, fx->sb->s_op->freeze_fs(fx->sb), 0);
}

static void drain_name(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	cifs_kunit_close_deferred_under(fx->tcon, file->dentry);
}

static const struct drain {
	const char *name;
	void (*run)(struct cifs_fixture *fx, struct cifs_kunit_file *file);
	unsigned int f_flags;
} drains[] = {
	{ "inode", drain_inode, O_RDWR },
	{ "inode, read", drain_inode, O_RDONLY },
	{ "tcon", drain_tcon, O_RDWR },
	{ "tcon, read", drain_tcon, O_RDONLY },
	{ "name", drain_name, O_RDWR },
	{ "name, read", drain_name, O_RDONLY },
	{ "freeze", freeze, O_RDWR },
};

static void drain_desc(const struct drain *drain, char *desc)
{
	strscpy(desc, drain->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(drain, drains, drain_desc);

static void drain_closes_deferred(struct kunit *test)
{
	const struct drain *drain = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *open, *file;
	struct dentry *dentry;

	cifs_kunit_need_deferred(test);
	dentry = cifs_kunit_create(fx, "file");
	open = cifs_kunit_open(fx, dentry, drain->f_flags);
	file = cifs_kunit_open(fx, dentry, drain->f_flags);
	cifs_kunit_defer_close(fx, file, FOR_EVER);
	drain->run(fx, file);

	KUNIT_EXPECT_TRUE(test, file->freed);
	KUNIT_EXPECT_FALSE(test, open->freed);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_none_deferred(CIFS_I(open->inode)));
	put(open);
}

/* The allocation that may not sleep fails: there is no list of those to put. */
static void drain_in_need(struct cifs_fixture *fx, struct cifs_kunit_file *file,
			  void (*drain)(struct cifs_fixture *fx,
					struct cifs_kunit_file *file))
{
	struct cifs_kunit_knob may_sleep = {
		"failslab", "ignore-gfp-wait", sizeof(bool), true
	};

	fail_allocation(fx->test, 1);
	cifs_kunit_swap_knobs(fx->test, &may_sleep, 1);
	drain(fx, file);
	cifs_kunit_swap_knobs(fx->test, &may_sleep, 1);
	KUNIT_EXPECT_TRUE(fx->test, allocation_failed(fx->test));
}

static void drain_without_memory(struct kunit *test)
{
	const struct drain *drain = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_deferred(test);
	file = open_one(fx, drain->f_flags);
	cifs_kunit_defer_close(fx, file, FOR_EVER);
	drain_in_need(fx, file, drain->run);

	KUNIT_EXPECT_TRUE(test, file->freed);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 1);
}

/*
 * A break that is queued but has not begun: on a queue of the test's own,
 * behind a work that the test holds up.
 */
struct plug {
	struct work_struct work;
	struct completion pull;
	struct cifs_kunit_file *file;
	bool pending_at_close;
};

static void plug_work(struct work_struct *work)
{
	wait_for_completion_timeout(&container_of(work, struct plug, work)->pull,
				    msecs_to_jiffies(CIFS_KUNIT_PATIENCE));
}

/* In the close, hence after the put has dealt with the break. */
static void note_pending_break(struct cifs_fixture *fx)
{
	struct plug *plug = fx->hook_data;

	fx->on_close = NULL;
	plug->pending_at_close = cancel_work_sync(&plug->file->cfile->oplock_break);
}

static void put_not_asked(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	cifs_kunit_put(file->cfile, false, false);
}

static void put_plain(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	cifsFileInfo_put(file->cfile);
	KUNIT_EXPECT_TRUE(fx->test, cifs_kunit_wait_freed(file));
}

static void close_it(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	cifs_close(file->inode, &file->filp);
}

static void close_soon(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	cifs_kunit_defer_close(fx, file, 20);
	KUNIT_EXPECT_TRUE(fx->test, cifs_kunit_wait_freed(file));
}

/*
 * An oplock break closes the inode's deferred files, and must not wait for
 * itself. All others wait: the file's break is cancelled, or has ended.
 */
static const struct putter {
	const char *name;
	void (*run)(struct cifs_fixture *fx, struct cifs_kunit_file *file);
	void (*drain)(struct cifs_fixture *fx, struct cifs_kunit_file *file);
	bool in_need;
	bool does_not_wait;
} putters[] = {
	{ "asked to wait", put_plain },
	{ "not asked to", put_not_asked, .does_not_wait = true },
	{ "close", close_it },
	{ "deferred close", close_soon },
	{ "inode", .drain = drain_inode, .does_not_wait = true },
	{ "inode, no memory", .drain = drain_inode, .in_need = true, .does_not_wait = true },
	{ "tcon", .drain = drain_tcon },
	{ "tcon, no memory", .drain = drain_tcon, .in_need = true },
	{ "name", .drain = drain_name },
	{ "name, no memory", .drain = drain_name, .in_need = true },
};

static void putter_desc(const struct putter *putter, char *desc)
{
	strscpy(desc, putter->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(putter, putters, putter_desc);

static void put_by(const struct putter *putter, struct cifs_fixture *fx,
		   struct cifs_kunit_file *file)
{
	if (putter->run) {
		putter->run(fx, file);
		return;
	}
	cifs_kunit_defer_close(fx, file, FOR_EVER);
	if (putter->in_need)
		drain_in_need(fx, file, putter->drain);
	else
		putter->drain(fx, file);
}

static bool break_pending(struct cifs_kunit_file *file)
{
	return test_bit(CIFS_INODE_PENDING_OPLOCK_BREAK,
			&CIFS_I(file->inode)->flags);
}

static void pending_break_is_cancelled(struct kunit *test)
{
	const struct putter *putter = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct plug plug = {};
	struct workqueue_struct *wq;

	if (putter->drain || putter->run == close_soon)
		cifs_kunit_need_deferred(test);
	plug.file = open_one(fx, O_RDWR);
	wq = alloc_ordered_workqueue("cifs-kunit-plug", 0);
	KUNIT_ASSERT_NOT_NULL(test, wq);
	init_completion(&plug.pull);
	INIT_WORK_ONSTACK(&plug.work, plug_work);
	queue_work(wq, &plug.work);

	fx->on_close = note_pending_break;
	fx->hook_data = &plug;
	set_bit(CIFS_INODE_PENDING_OPLOCK_BREAK, &CIFS_I(plug.file->inode)->flags);
	queue_work(wq, &plug.file->cfile->oplock_break);
	put_by(putter, fx, plug.file);
	KUNIT_EXPECT_TRUE(test, plug.file->freed);
	if (!plug.file->freed)
		cancel_work_sync(&plug.file->cfile->oplock_break);

	KUNIT_EXPECT_EQ(test, plug.pending_at_close, putter->does_not_wait);
	/* cifs_done_oplock_break() is the acknowledgment */
	KUNIT_EXPECT_EQ(test, break_pending(plug.file), putter->does_not_wait);
	cifs_done_oplock_break(CIFS_I(plug.file->inode));

	complete(&plug.pull);
	destroy_workqueue(wq);
	destroy_work_on_stack(&plug.work);
}

static const struct id {
	const char *name;
	size_t offset;
	size_t size;
} ids[] = {
	{ "netfid", offsetof(struct cifs_fid, netfid), sizeof_field(struct cifs_fid, netfid) },
	{ "persistent", offsetof(struct cifs_fid, persistent_fid),
	  sizeof_field(struct cifs_fid, persistent_fid) },
	{ "volatile", offsetof(struct cifs_fid, volatile_fid),
	  sizeof_field(struct cifs_fid, volatile_fid) },
};

static void id_desc(const struct id *id, char *desc)
{
	strscpy(desc, id->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(id, ids, id_desc);

/* Two handles of a file, alike but for one of their ids. */
static void deferred_are_told_apart(struct kunit *test)
{
	const struct id *id = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *first, *second;
	struct cifs_fid was;
	struct dentry *dentry;

	cifs_kunit_need_deferred(test);
	dentry = cifs_kunit_create(fx, "file");
	first = cifs_kunit_open(fx, dentry, O_RDWR);
	second = cifs_kunit_open(fx, dentry, O_RDWR);
	was = second->cfile->fid;
	second->cfile->fid = first->cfile->fid;
	memset((char *)&second->cfile->fid + id->offset, 'x', id->size);
	cifs_kunit_defer_close(fx, first, FOR_EVER);
	cifs_kunit_defer_close(fx, second, FOR_EVER);
	KUNIT_EXPECT_EQ(test, cifs_kunit_nr_deferred(CIFS_I(first->inode)), 2);

	cifs_kunit_forget_deferred(CIFS_I(first->inode), second->cfile);
	KUNIT_EXPECT_EQ(test, cifs_kunit_nr_deferred(CIFS_I(first->inode)), 1);
	second->cfile->fid = was;
	cifs_close_all_deferred_files(fx->tcon);
}

/* Oplock break. */

static void break_and_wait(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	struct cifsInodeInfo *cinode = CIFS_I(file->inode);

	cifs_kunit_break_oplock(fx, file);
	KUNIT_EXPECT_TRUE(fx->test,
			  cifs_kunit_poll(!test_bit(CIFS_INODE_PENDING_OPLOCK_BREAK,
						    &cinode->flags)));
	cifs_kunit_flush(fx, cifsoplockd_wq);
}

static const unsigned int levels[] = { CIFS_CACHE_READ_FLG, CIFS_CACHE_RH_FLG };

static void level_desc(const unsigned int *level, char *desc)
{
	strscpy(desc, *level & CIFS_CACHE_HANDLE_FLG ? "handle kept" : "handle lost",
		KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(level, levels, level_desc);

static void break_closes_deferred(struct kunit *test)
{
	const unsigned int *level = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;
	bool kept = *level & CIFS_CACHE_HANDLE_FLG;

	cifs_kunit_need_deferred(test);
	file = open_one(fx, O_RDWR);
	file->cfile->oplock_level = *level;
	cifs_kunit_defer_close(fx, file, FOR_EVER);
	break_and_wait(fx, file);

	KUNIT_EXPECT_EQ(test, file->freed, !kept);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_OPLOCK_RESPONSE), kept);
	cifs_close_all_deferred_files(fx->tcon);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_CLOSE), 1);
}

/* Nobody but the lease of the handle holds it: it goes with the break. */
static void break_to_read_ends_at_locks(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx, O_RDWR);
	struct cifsInodeInfo *cinode = CIFS_I(file->inode);

	cinode->oplock = CIFS_CACHE_RHW_FLG;
	cinode->can_cache_brlcks = true;
	KUNIT_ASSERT_EQ(test, lock_all(file), 0);
	file->cfile->oplock_level = CIFS_CACHE_READ_FLG;
	break_and_wait(fx, file);

	KUNIT_EXPECT_EQ(test, cinode->oplock, 0);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_PUSH_LOCKS), 1);
	put(file);
}

static void break_to_write_keeps_locks(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx, O_RDWR);
	struct cifsInodeInfo *cinode = CIFS_I(file->inode);

	cinode->can_cache_brlcks = true;
	file->cfile->oplock_level = CIFS_CACHE_RW_FLG;
	break_and_wait(fx, file);

	KUNIT_EXPECT_EQ(test, cinode->oplock, CIFS_CACHE_RW_FLG);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_PUSH_LOCKS), 0);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_OPLOCK_RESPONSE), 1);
	put(file);
}

static int push_no_locks(struct cifsFileInfo *cfile)
{
	return -EIO;
}

static void failed_push_is_answered(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_one(fx, O_RDWR);

	fx->ops.push_mand_locks = push_no_locks;
	CIFS_I(file->inode)->can_cache_brlcks = true;
	break_and_wait(fx, file);

	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_OPLOCK_RESPONSE), 1);
	put(file);
}

/* The user's close comes in the middle of the break: the worker's is last. */
static void close_under_break(struct cifs_fixture *fx)
{
	fx->on_downgrade = NULL;
	cifs_kunit_drop(fx->hook_data);
}

/* Another handle is open, for whose sake the break is answered. */
static void break_answers_for_its_handle(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct dentry *dentry = cifs_kunit_create(fx, "file");
	struct cifs_kunit_file *broken = cifs_kunit_open(fx, dentry, O_RDWR);
	struct cifs_kunit_file *other = cifs_kunit_open(fx, dentry, O_RDWR);
	const struct cifs_kunit_event *answer;

	fx->on_downgrade = close_under_break;
	fx->hook_data = broken;
	break_and_wait(fx, broken);

	KUNIT_EXPECT_TRUE(test, broken->freed);
	answer = cifs_kunit_event(fx, CIFS_KUNIT_OPLOCK_RESPONSE, 0);
	KUNIT_EXPECT_NOT_NULL(test, answer);
	if (answer)
		KUNIT_EXPECT_EQ(test, answer->fid, broken->fid);
	put(other);
}

#define EPOCH	typeof(((struct cifsInodeInfo *)0)->epoch)

static void (*usual_downgrade)(struct TCP_Server_Info *server,
			       struct cifsInodeInfo *cinode, __u32 oplock,
			       EPOCH epoch, bool *purge_cache);

static void downgrade_and_purge(struct TCP_Server_Info *server,
				struct cifsInodeInfo *cinode, __u32 oplock,
				EPOCH epoch, bool *purge_cache)
{
	usual_downgrade(server, cinode, oplock, epoch, purge_cache);
	*purge_cache = true;
}

/* A break to a level, on a mount that may cache beyond it. */
static const struct change {
	const char *name;
	unsigned int level;
	unsigned int mount_flags;
	bool purge;
	bool cached;
} changes[] = {
	{ .name = "to none" },
	{ .name = "to read", .level = CIFS_CACHE_READ_FLG, .cached = true },
	{ .name = "to read, purge", .level = CIFS_CACHE_READ_FLG, .purge = true },
	{ .name = "cache=ro", .mount_flags = CIFS_MOUNT_RO_CACHE, .cached = true },
	{ .name = "cache=singleclient", .cached = true,
	  .mount_flags = CIFS_MOUNT_RO_CACHE | CIFS_MOUNT_RW_CACHE },
};

static void change_desc(const struct change *change, char *desc)
{
	strscpy(desc, change->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(change, changes, change_desc);

static void break_purges_cache(struct kunit *test)
{
	const struct change *change = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;

	cifs_kunit_need_requests(test);
	file = open_one(fx, O_RDWR);
	KUNIT_ASSERT_EQ(test, cifs_kunit_write_page(file), PAGE_SIZE);
	if (change->purge) {
		usual_downgrade = fx->ops.downgrade_oplock;
		fx->ops.downgrade_oplock = downgrade_and_purge;
	}
	cifs_kunit_mount_flags(fx->cifs_sb, change->mount_flags);
	file->cfile->oplock_level = change->level;
	break_and_wait(fx, file);

	KUNIT_EXPECT_EQ(test, file->inode->i_mapping->nrpages, change->cached);
	/* the page may be on its way to the server */
	cifs_kunit_flush(fx, cifsiod_wq);
	put(file);
}

static struct kunit_case cifs_handle_cases[] = {
	KUNIT_CASE(open_fails_without_memory),
	KUNIT_CASE(break_while_opening_counts),
	KUNIT_CASE(read_oplock_ends_at_locks),
	KUNIT_CASE(open_purges_cache),
	KUNIT_CASE(flags_share_no_byte),
	KUNIT_CASE(lease_key_spans_the_close),
	KUNIT_CASE(server_may_have_no_close),
	KUNIT_CASE(busy_close_getattr_is_retried),
	KUNIT_CASE(close_without_handle),
	KUNIT_CASE_PARAM(close_is_not_deferred, obstacle_gen_params),
	KUNIT_CASE_PARAM(deferred_close_comes, mode_gen_params),
	KUNIT_CASE(open_with_other_flags_keeps_no_reference),
	KUNIT_CASE(deferred_again_is_closed_once),
	KUNIT_CASE(deferred_twice_is_closed_once),
	KUNIT_CASE(queued_already_keeps_no_reference),
	KUNIT_CASE_PARAM(drain_closes_deferred, drain_gen_params),
	KUNIT_CASE_PARAM(drain_without_memory, drain_gen_params),
	KUNIT_CASE_PARAM(pending_break_is_cancelled, putter_gen_params),
	KUNIT_CASE_PARAM(deferred_are_told_apart, id_gen_params),
	KUNIT_CASE_PARAM(break_closes_deferred, level_gen_params),
	KUNIT_CASE(break_to_read_ends_at_locks),
	KUNIT_CASE(break_to_write_keeps_locks),
	KUNIT_CASE(failed_push_is_answered),
	KUNIT_CASE(break_answers_for_its_handle),
	KUNIT_CASE_PARAM(break_purges_cache, change_gen_params),
	{}
};

static struct kunit_suite cifs_handle_suite = {
	.name = "cifs_handle",
	.init = cifs_handle_init,
	.exit = cifs_fixture_exit,
	.test_cases = cifs_handle_cases,
};

kunit_test_suite(cifs_handle_suite);

MODULE_LICENSE("GPL");
