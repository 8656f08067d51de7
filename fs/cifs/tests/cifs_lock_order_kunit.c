// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_lock_order: every way into the last put, under the locks
 * that its caller holds in the kernel, as lockdep sees them.
 *
 * Before each put, the same task has written through the client: that is the
 * other half of the cycle, a page taken under lock_sem. So a put that waits
 * for lock_sem under a page closes the cycle, and lockdep says so: one task,
 * no timing.
 *
 * No report proves nothing by itself. Each case also asks lockdep, from what
 * it has recorded, whether the locks were held at all.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/pagemap.h>
#include "cifsglob.h"
#include "cifsfs.h"
#include "cifsproto.h"
#include "cifs_debug.h"
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
	RECONNECT	= BIT(5),
};

struct way {
	const char *name;
	unsigned int holds;
	bool offload;
};

/* Linux 6.1 has no put in readdir, and none in ioctl.c but for clones. */
static const struct way ways[] = {
	{ "writepage", LOCKED | WRITEBACK, true },
	{ "create revalidates and launders", DIR | LOCKED | WRITEBACK, true },
	{ "lookup revalidates and launders", DIR_SHARED | LOCKED | WRITEBACK, true },
	{ "setattr", FILE_RWSEM, true },
	{ "setattr launders", FILE_RWSEM | LOCKED | WRITEBACK, true },
	{ "clone by ioctl", FILE_RWSEM, true },
	{ "unlink closes a deferred file", DIR | FILE_RWSEM, false },
	{ "reconnect reopens", RECONNECT, true },
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

static void write_page(struct kunit *test, struct cifs_kunit_file *file)
{
	KUNIT_EXPECT_EQ(test, cifs_kunit_write_page(file), PAGE_SIZE);
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

	cifs_kunit_map_pages(d_inode(dentry));
	return cifs_kunit_open(fx, dentry, O_RDWR);
}

static struct cifs_kunit_file *open_unbroken(struct kunit *test)
{
	struct cifs_kunit_file *file = open_mapped(test);

	cifs_kunit_break_never_queued(file->cfile);
	return file;
}

static void take(struct cifs_fixture *fx, struct cifs_kunit_file *file,
		 struct page *page, unsigned int holds)
{
	struct inode *dir = d_inode(file->dentry->d_parent);

	if (holds & RECONNECT)
		mutex_lock(&fx->server.reconnect_mutex);
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

static void release(struct cifs_fixture *fx, struct cifs_kunit_file *file,
		    struct page *page, unsigned int holds)
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
	if (holds & RECONNECT)
		mutex_unlock(&fx->server.reconnect_mutex);
}

/*
 * The put takes the tcon's open_file_lock. With a class of the case's own for
 * it, what lockdep knows to come before it was held in this very case.
 */
static void mark_put(struct kunit *test, struct lock_class_key *key)
{
	struct cifs_fixture *fx = test->priv;

	/* the name that tconInfoAlloc() gives it */
	lockdep_set_class_and_name(&fx->tcon->open_file_lock, key,
				   "&ret_buf->open_file_lock");
}

static void expect_known(struct kunit *test, struct lockdep_map *held)
{
	struct cifs_fixture *fx = test->priv;

	KUNIT_EXPECT_TRUE_MSG(test,
			      cifs_kunit_lockdep_knows(held, &fx->tcon->open_file_lock.dep_map),
			      "lockdep saw no put under %s", held->name);
}

static void expect_put_under(struct kunit *test, struct cifs_kunit_file *file,
			     unsigned int holds)
{
	struct cifs_fixture *fx = test->priv;

	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	expect_alive(test);
	if (holds & RECONNECT)
		expect_known(test, &fx->server.reconnect_mutex.dep_map);
	if (holds & (DIR | DIR_SHARED))
		expect_known(test, &d_inode(file->dentry->d_parent)->i_rwsem.dep_map);
	if (holds & FILE_RWSEM)
		expect_known(test, &file->inode->i_rwsem.dep_map);
	if (holds & LOCKED)
		expect_known(test, &cifs_kunit_pg_locked);
	if (holds & WRITEBACK)
		expect_known(test, &cifs_kunit_pg_writeback);
	note_classes(file);
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
	static struct lock_class_key keys[ARRAY_SIZE(ways)];
	const struct way *way = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;
	struct page *page;

	mark_put(test, &keys[way - ways]);
	file = open_unbroken(test);
	write_page(test, file);
	page = find_get_page(file->inode->i_mapping, 0);
	KUNIT_ASSERT_NOT_NULL(test, page);

	take(fx, file, page, way->holds);
	if (way->offload)
		cifsFileInfo_put(file->cfile);
	else
		cifs_kunit_put(file->cfile, true, false);
	release(fx, file, page, way->holds);
	put_page(page);

	expect_put_under(test, file, way->holds);
}

/* The report's task 8856: the launderer's own put is the last one. */
static void drop_in_write(struct cifs_fixture *fx)
{
	fx->on_sync_write = NULL;
	cifs_kunit_drop(fx->hook_data);
}

static void launder_makes_last_put(struct kunit *test)
{
	static struct lock_class_key key;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;
	struct inode *dir;

	mark_put(test, &key);
	file = open_unbroken(test);
	dir = d_inode(file->dentry->d_parent);
	write_page(test, file);
	fx->hook_data = file;
	fx->on_sync_write = drop_in_write;
	inode_lock(dir);
	KUNIT_EXPECT_EQ(test, cifs_kunit_launder(file->inode->i_mapping), 0);
	inode_unlock(dir);

	KUNIT_EXPECT_EQ(test, cifs_kunit_count(fx, CIFS_KUNIT_SYNC_WRITE), 1);
	expect_put_under(test, file, DIR | LOCKED | WRITEBACK);
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

/* The map of a work that runs is a copy: have the original know its class. */
static struct lockdep_map known_map(struct work_struct *work)
{
	lock_map_acquire(&work->lockdep_map);
	lock_map_release(&work->lockdep_map);
	return work->lockdep_map;
}

static void expect_put_in_work(struct kunit *test, struct cifs_kunit_file *file,
			       struct lockdep_map *work)
{
	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(file));
	expect_alive(test);
	expect_known(test, work);
}

static void writeback_completion_makes_last_put(struct kunit *test)
{
	static struct lock_class_key key;
	struct cifs_fixture *fx = test->priv;
	struct completion_work *done = kzalloc(sizeof(*done), GFP_KERNEL);
	struct cifs_kunit_file *file;
	struct lockdep_map map;

	KUNIT_ASSERT_NOT_NULL(test, done);
	mark_put(test, &key);
	file = open_unbroken(test);
	write_page(test, file);
	INIT_WORK(&done->work, complete_write);
	done->cfile = file->cfile;
	map = known_map(&done->work);
	queue_work(cifsiod_wq, &done->work);
	cifs_kunit_flush(fx, cifsiod_wq);
	if (!fx->given_up)
		kfree(done);

	expect_put_in_work(test, file, &map);
}

static void drop_in_break(struct cifs_fixture *fx)
{
	fx->on_downgrade = NULL;
	cifs_kunit_drop(fx->hook_data);
}

static void oplock_break_makes_last_put(struct kunit *test)
{
	static struct lock_class_key key;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_file *file;
	struct lockdep_map map;

	mark_put(test, &key);
	file = open_mapped(test);
	map = known_map(&file->cfile->oplock_break);
	write_page(test, file);
	fx->hook_data = file;
	fx->on_downgrade = drop_in_break;
	cifs_kunit_break_oplock(fx, file);
	cifs_kunit_flush(fx, cifsoplockd_wq);

	expect_put_in_work(test, file, &map);
}

static void deferred_close_makes_last_put(struct kunit *test)
{
	static struct lock_class_key key;
	struct cifs_kunit_file *file;
	struct lockdep_map map;

	cifs_kunit_need_deferred(test);
	mark_put(test, &key);
	file = open_unbroken(test);
	map = known_map(&cifs_kunit_deferred(file->cfile)->work);
	write_page(test, file);
	cifs_kunit_keep_handles(file->inode, 1);
	cifs_close(file->inode, &file->filp);

	expect_put_in_work(test, file, &map);
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
	self->rc = cifs_get_writable_file(cinode, 0, &found);
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
	KUNIT_EXPECT_TRUE(test, cifs_kunit_poll(cifs_kunit_task_asleep(&writer)));
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
