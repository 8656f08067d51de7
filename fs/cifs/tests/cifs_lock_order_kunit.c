// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_lock_order: every way into the last put, under the locks
 * that its caller holds in the kernel, as lockdep sees them.
 *
 * The case for the other half of the cycle, a write that takes the page under
 * lock_sem, is part of each case. So a put that waits for lock_sem under a
 * page closes the cycle, and lockdep says so: one task, no timing.
 *
 * No report proves nothing by itself. Each case also asks lockdep, from what
 * it has recorded, whether the locks were held at all.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/uio.h>
#include "cifsglob.h"
#include "cifsfs.h"
#include "cifsproto.h"
#include "cifs_fs_sb.h"
#include "fs_context.h"
#include "cifs_fixture.h"
#include "cifs_lockdep.h"
#include "compat.h"

/* What a caller holds, in the order it takes them. */
enum {
	DIR_SHARED	= BIT(0),
	DIR		= BIT(1),
	FILE_RWSEM	= BIT(2),
	LOCKED		= BIT(3),
	WRITEBACK	= BIT(4),
};

struct way {
	const char *name;
	unsigned int holds;
	bool offload;
};

static const struct way ways[] = {
	{ "writepage", LOCKED | WRITEBACK, true },
	{ "revalidate launders", DIR | LOCKED | WRITEBACK, true },
	{ "readdir revalidates", DIR_SHARED | LOCKED | WRITEBACK, true },
	{ "setattr", FILE_RWSEM, true },
	{ "setattr launders", FILE_RWSEM | LOCKED | WRITEBACK, true },
	{ "ioctl", 0, true },
	{ "reconnect", 0, true },
	{ "close", 0, false },
};

static void way_desc(const struct way *way, char *desc)
{
	strscpy(desc, way->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(way, ways, way_desc);

static int lock_order_init(struct kunit *test)
{
	KUNIT_ASSERT_TRUE_MSG(test, debug_locks,
			      "lockdep was dead before this case began");
	return cifs_fixture_init(test);
}

static void expect_alive(struct kunit *test)
{
	KUNIT_EXPECT_TRUE_MSG(test, debug_locks,
			      "lockdep has reported an inversion");
}

/* Writes page 0 through the client: i_rwsem, lock_sem, then the page. */
static void write_page(struct kunit *test, struct cifs_kunit_file *file)
{
	void *page = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct kvec kvec = { .iov_base = page, .iov_len = PAGE_SIZE };
	struct kiocb iocb;
	struct iov_iter iter;

	KUNIT_ASSERT_NOT_NULL(test, page);
	CIFS_I(file->inode)->oplock = CIFS_CACHE_RHW_FLG;
	init_sync_kiocb(&iocb, &file->filp);
	iov_iter_kvec(&iter, WRITE, &kvec, 1, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, cifs_strict_writev(&iocb, &iter), PAGE_SIZE);
}

/*
 * The last put waits for the oplock break handler, and the handler for
 * lock_sem and for pages: an inversion by class that cannot happen. While the
 * handler may do so it has a reference, so that a put which is the last one
 * waits for no more than its answer to the server. Lockdep cannot know, hence
 * a class of its own for a break that was never queued.
 */
static void break_never_queued(struct cifsFileInfo *cfile)
{
	static struct lock_class_key key;

	lockdep_init_map(&cfile->oplock_break.lockdep_map,
			 "oplock break, never queued", &key, 0);
}

/* A lock's class outlives it: from here the dump at the end sets out. */
static struct lockdep_map seen[5];

static void note_classes(struct cifs_kunit_file *file)
{
	seen[0] = d_inode(file->dentry->d_parent)->i_rwsem.dep_map;
	seen[1] = file->inode->i_rwsem.dep_map;
	seen[2] = CIFS_I(file->inode)->lock_sem.dep_map;
	seen[3] = cifs_kunit_pg_locked;
	seen[4] = cifs_kunit_pg_writeback;
}

static void lock_order_suite_exit(struct kunit_suite *suite)
{
	cifs_kunit_lockdep_dump(seen, ARRAY_SIZE(seen));
}

static struct cifs_kunit_file *open_mapped(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct dentry *dentry = cifs_kunit_create(fx, "file");

	cifs_kunit_map_pages(test, d_inode(dentry));
	return cifs_kunit_open(fx, dentry, O_RDWR);
}

static struct cifs_kunit_file *open_unbroken(struct kunit *test)
{
	struct cifs_kunit_file *file = open_mapped(test);

	break_never_queued(file->cfile);
	return file;
}

static void take(struct cifs_kunit_file *file, struct page *page,
		 unsigned int holds)
{
	struct inode *dir = d_inode(file->dentry->d_parent);

	if (holds & DIR_SHARED)
		inode_lock_shared(dir);
	if (holds & DIR)
		inode_lock(dir);
	if (holds & FILE_RWSEM)
		inode_lock(file->inode);
	if (holds & LOCKED)
		cifs_kunit_lock_page(page);
	if (holds & WRITEBACK)
		cifs_kunit_set_writeback(page);
}

static void release(struct cifs_kunit_file *file, struct page *page,
		    unsigned int holds)
{
	struct inode *dir = d_inode(file->dentry->d_parent);

	if (holds & WRITEBACK)
		cifs_kunit_end_writeback(page);
	if (holds & LOCKED)
		cifs_kunit_unlock_page(page);
	if (holds & FILE_RWSEM)
		inode_unlock(file->inode);
	if (holds & DIR)
		inode_unlock(dir);
	if (holds & DIR_SHARED)
		inode_unlock_shared(dir);
}

/* The put takes open_file_lock: lockdep must know it after all that was held. */
static void expect_known(struct kunit *test, struct cifs_kunit_file *file,
			 unsigned int holds)
{
	struct cifs_fixture *fx = test->priv;
	struct lockdep_map *put = &fx->tcon->open_file_lock.dep_map;
	struct lockdep_map *dir = &d_inode(file->dentry->d_parent)->i_rwsem.dep_map;

	if (holds & (DIR | DIR_SHARED))
		KUNIT_EXPECT_TRUE(test, cifs_kunit_lockdep_knows(dir, put));
	if (holds & FILE_RWSEM)
		KUNIT_EXPECT_TRUE(test,
				  cifs_kunit_lockdep_knows(&file->inode->i_rwsem.dep_map,
							   put));
	if (holds & LOCKED)
		KUNIT_EXPECT_TRUE(test,
				  cifs_kunit_lockdep_knows(&cifs_kunit_pg_locked,
							   put));
	if (holds & WRITEBACK)
		KUNIT_EXPECT_TRUE(test,
				  cifs_kunit_lockdep_knows(&cifs_kunit_pg_writeback,
							   put));
}

static void write_takes_page_under_lock_sem(struct kunit *test)
{
	struct cifs_kunit_file *file = open_unbroken(test);
	struct lockdep_map *lock_sem = &CIFS_I(file->inode)->lock_sem.dep_map;

	write_page(test, file);

	expect_alive(test);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_lockdep_knows(lock_sem, &cifs_kunit_pg_locked));
	KUNIT_EXPECT_TRUE(test, cifs_kunit_lockdep_knows(lock_sem, &cifs_kunit_pg_writeback));
	KUNIT_EXPECT_TRUE(test,
			  cifs_kunit_lockdep_knows(&file->inode->i_rwsem.dep_map, lock_sem));
	cifs_kunit_put(file->cfile, true, false);
}

static void way_into_last_put(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct cifs_kunit_file *file = open_unbroken(test);
	struct page *page;

	write_page(test, file);
	page = find_get_page(file->inode->i_mapping, 0);
	KUNIT_ASSERT_NOT_NULL(test, page);

	take(file, page, way->holds);
	if (way->offload)
		cifsFileInfo_put(file->cfile);
	else
		cifs_close(file->inode, &file->filp);
	release(file, page, way->holds);
	put_page(page);

	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	expect_alive(test);
	expect_known(test, file, way->holds);
	note_classes(file);
}

/* The report's task 8856: the launderer's own put is the last one. */
static void drop_in_write(struct cifs_fixture *fx)
{
	struct cifs_kunit_file *file = fx->hook_data;

	fx->on_sync_write = NULL;
	cifs_kunit_put(file->cfile, false, false);
}

static void drop_in_break(struct cifs_fixture *fx)
{
	struct cifs_kunit_file *file = fx->hook_data;

	fx->on_downgrade = NULL;
	cifs_kunit_put(file->cfile, false, false);
}

static void launder_makes_last_put(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_unbroken(test);
	struct inode *dir = d_inode(file->dentry->d_parent);

	write_page(test, file);
	fx->hook_data = file;
	fx->on_sync_write = drop_in_write;
	inode_lock(dir);
	KUNIT_EXPECT_EQ(test, invalidate_inode_pages2(file->inode->i_mapping), 0);
	inode_unlock(dir);

	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_SYNC_WRITE), 1);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	expect_alive(test);
	expect_known(test, file, DIR | LOCKED | WRITEBACK);
}

/* lockdep must be told that the poll for lock_sem is a wait. */
static void down_write_is_seen(struct kunit *test)
{
	struct cifs_kunit_file *file = open_unbroken(test);
	struct lockdep_map *lock_sem = &CIFS_I(file->inode)->lock_sem.dep_map;
	static DEFINE_MUTEX(outer);

	mutex_lock(&outer);
	cifs_down_write(&CIFS_I(file->inode)->lock_sem);
	up_write(&CIFS_I(file->inode)->lock_sem);
	mutex_unlock(&outer);

	KUNIT_EXPECT_TRUE_MSG(test, cifs_kunit_lockdep_knows(&outer.dep_map, lock_sem),
			      "lockdep is blind to cifs_down_write()");
	cifs_kunit_put(file->cfile, true, false);
}

/* The callers that are works: what they hold is lockdep's map of the work. */

struct completion_work {
	struct work_struct work;
	struct cifsFileInfo *cfile;
};

static void complete_write(struct work_struct *work)
{
	cifsFileInfo_put(container_of(work, struct completion_work, work)->cfile);
}

/*
 * The map of a work that has run is a copy; its class is remembered in the
 * original only if somebody waited for it.
 */
static struct lockdep_map known_map(struct work_struct *work)
{
	cancel_work_sync(work);
	return work->lockdep_map;
}

static void expect_put_under(struct kunit *test, struct cifs_kunit_file *file,
			     struct lockdep_map *work)
{
	struct cifs_fixture *fx = test->priv;

	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	expect_alive(test);
	KUNIT_EXPECT_TRUE(test,
			  cifs_kunit_lockdep_knows(work,
						   &fx->tcon->open_file_lock.dep_map));
}

static void writeback_completion_makes_last_put(struct kunit *test)
{
	struct cifs_kunit_file *file = open_unbroken(test);
	struct completion_work done = { .cfile = file->cfile };
	struct lockdep_map map;

	write_page(test, file);
	INIT_WORK_ONSTACK(&done.work, complete_write);
	map = known_map(&done.work);
	queue_work(cifsiod_wq, &done.work);
	cifs_kunit_flush(test->priv, cifsiod_wq);
	destroy_work_on_stack(&done.work);

	expect_put_under(test, file, &map);
}

static void oplock_break_makes_last_put(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_mapped(test);
	struct lockdep_map map = known_map(&file->cfile->oplock_break);

	write_page(test, file);
	fx->hook_data = file;
	fx->on_downgrade = drop_in_break;
	spin_lock(&fx->tcon->open_file_lock);
	cifs_queue_oplock_break(file->cfile);
	spin_unlock(&fx->tcon->open_file_lock);
	cifs_kunit_flush(fx, cifsoplockd_wq);

	expect_put_under(test, file, &map);
}

static void deferred_close_makes_last_put(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file = open_unbroken(test);
	struct lockdep_map map = known_map(&file->cfile->deferred.work);

	write_page(test, file);
	CIFS_I(file->inode)->lease_granted = true;
	fx->cifs_sb->ctx->closetimeo = 1;
	cifs_close(file->inode, &file->filp);

	expect_put_under(test, file, &map);
}

/*
 * lock_sem is taken for reading twice by one task when a read or a write
 * finds its handle lost. A writer that comes between must not be in line.
 */
struct nesting {
	struct cifs_kunit_file *file;
	struct completion reading;
	struct completion go;
	bool lent;
};

static void reopen_while_reading(struct cifs_kunit_task *self)
{
	struct nesting *nesting = self->data;
	struct cifsInodeInfo *cinode = CIFS_I(nesting->file->inode);
	struct cifsFileInfo *found = NULL;

	down_read(&cinode->lock_sem);
	complete(&nesting->reading);
	wait_for_completion(&nesting->go);
	self->rc = cifs_get_writable_file(cinode, FIND_WR_ANY, &found);
	if (READ_ONCE(nesting->lent))
		rwsem_release(&cinode->lock_sem.dep_map, _RET_IP_);
	else
		up_read(&cinode->lock_sem);
	if (found)
		cifs_kunit_put(found, false, false);
}

static void write_between(struct cifs_kunit_task *self)
{
	struct nesting *nesting = self->data;
	struct cifsInodeInfo *cinode = CIFS_I(nesting->file->inode);

	cifs_down_write(&cinode->lock_sem);
	up_write(&cinode->lock_sem);
}

static void reader_nests_past_writer(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;
	struct nesting nesting = { .file = open_unbroken(test) };
	struct cifsInodeInfo *cinode = CIFS_I(nesting.file->inode);
	struct cifs_kunit_task reader = {
		.name = "reader", .run = reopen_while_reading, .data = &nesting,
		.holds = "lock_sem for reading", .waits_for = "lock_sem for reading",
	};
	struct cifs_kunit_task writer = {
		.name = "writer", .run = write_between, .data = &nesting,
		.waits_for = "lock_sem for writing",
	};

	init_completion(&nesting.reading);
	init_completion(&nesting.go);
	nesting.file->cfile->invalidHandle = true;
	cifs_kunit_task_start(test, &reader);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_poll(completion_done(&nesting.reading)));
	cifs_kunit_task_start(test, &writer);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_poll(!task_is_running(writer.task)));
	complete(&nesting.go);

	if (!cifs_kunit_task_join(&reader)) {
		KUNIT_FAIL(test, "deadlock: the writer is in line between two reads of one task");
		cifs_kunit_task_report(test, &reader);
		cifs_kunit_task_report(test, &writer);
		WRITE_ONCE(nesting.lent, true);
		up_read_non_owner(&cinode->lock_sem);
		cifs_kunit_task_untangled(&reader);
	}
	cifs_kunit_task_untangled(&writer);
	KUNIT_EXPECT_EQ(test, reader.rc, 0);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_OPEN), 1);
	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_PUSH_LOCKS), 1);
	expect_alive(test);
	cifs_kunit_put(nesting.file->cfile, true, false);
}

static struct kunit_case cifs_lock_order_cases[] = {
	KUNIT_CASE(down_write_is_seen),
	KUNIT_CASE(reader_nests_past_writer),
	KUNIT_CASE(write_takes_page_under_lock_sem),
	KUNIT_CASE_PARAM(way_into_last_put, way_gen_params),
	KUNIT_CASE(launder_makes_last_put),
	KUNIT_CASE(writeback_completion_makes_last_put),
	KUNIT_CASE(oplock_break_makes_last_put),
	KUNIT_CASE(deferred_close_makes_last_put),
	{}
};

static struct kunit_suite cifs_lock_order_suite = {
	.name = "cifs_lock_order",
	.init = lock_order_init,
	.exit = cifs_fixture_exit,
	.suite_exit = lock_order_suite_exit,
	.test_cases = cifs_lock_order_cases,
};

kunit_test_suite(cifs_lock_order_suite);

MODULE_LICENSE("GPL");
