// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_put_deadlock: the cycle that wedged a mount in 2019.
 *
 * One task holds a page and drops the last reference to an open file; another
 * holds lock_sem and waits for that page. If the put waits for lock_sem, both
 * wait for ever. Lockdep by itself sees neither end: a page lock is a bit, and
 * the wait for lock_sem is a loop of trylocks. So the tasks are real, and what
 * is asserted is that both finish. (For lockdep, see cifs_lock_order.)
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/pagemap.h>
#include "cifsglob.h"
#include "cifsfs.h"
#include "cifsproto.h"
#include "cifs_fixture.h"
#include "cifs_lockdep.h"
#include "compat.h"

/* What the last put is made under, besides the page lock. */
struct holds {
	const char *name;
	bool writeback;
	bool file_rwsem;
	bool dir_rwsem;
};

static const struct holds table[] = {
	{ .name = "page lock" },
	{ .name = "page lock and PG_writeback", .writeback = true },
	{ .name = "page lock and i_rwsem of the file", .file_rwsem = true },
	{ .name = "page lock and i_rwsem of the directory", .dir_rwsem = true },
};

static void holds_desc(const struct holds *holds, char *desc)
{
	strscpy(desc, holds->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(holds, table, holds_desc);

/**
 * struct scene - what the two tasks meet at
 * @holds: what the put is made under
 * @put: the file whose last reference is dropped
 * @other: another handle of the same file, or NULL
 * @opened: one that is opened in the middle of it, or NULL
 * @to_close: those that are closed in the middle of it
 * @closed: how many of these are
 * @fx: the mount
 * @page: page 0 of the file, with a reference
 * @locked: the putter has the page locked
 * @writeback: the putter has the page under writeback
 * @held: the putter has all that it holds
 * @go: the waiter sleeps on the page, the put may be made
 */
struct scene {
	const struct holds *holds;
	struct cifs_kunit_file *put;
	struct cifs_kunit_file *other;
	struct cifs_kunit_file *opened;
	struct cifs_kunit_file *to_close[4];
	atomic_t closed;
	struct cifs_fixture *fx;
	struct page *page;
	atomic_t locked;
	atomic_t writeback;
	struct completion held;
	struct completion go;
};

static void set_scene(struct kunit *test, struct scene *scene)
{
	struct dentry *dentry = cifs_kunit_create(test->priv, "file");
	struct address_space *mapping = d_inode(dentry)->i_mapping;

	init_completion(&scene->held);
	init_completion(&scene->go);
	scene->page = find_or_create_page(mapping, 0, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, scene->page);
	SetPageUptodate(scene->page);
	unlock_page(scene->page);
	cifs_kunit_map_pages(d_inode(dentry));
	scene->put = cifs_kunit_open(test->priv, dentry, O_RDWR);
	cifs_kunit_break_never_queued(scene->put->cfile);
}

static void putter_is_ready(struct scene *scene)
{
	complete(&scene->held);
	wait_for_completion(&scene->go);
}

/*
 * Start both tasks, the waiter once the putter holds the page, the put once
 * the waiter sleeps on it. Both must finish. If not, tell who waits for what
 * and @untangle them.
 */
static void play(struct kunit *test, struct scene *scene,
		 struct cifs_kunit_task *putter, struct cifs_kunit_task *waiter,
		 void (*untangle)(struct scene *scene,
				  struct cifs_kunit_task *waiter))
{
	bool finished;

	cifs_kunit_task_start(test, putter);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_poll(completion_done(&scene->held)));
	cifs_kunit_task_start(test, waiter);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_poll(cifs_kunit_page_waiters(scene->page)));
	complete(&scene->go);

	finished = cifs_kunit_task_join(putter) && cifs_kunit_task_join(waiter);
	if (!finished) {
		KUNIT_FAIL(test, "deadlock: the last put waits for lock_sem with the page locked");
		cifs_kunit_task_report(test, putter);
		cifs_kunit_task_report(test, waiter);
		untangle(scene, waiter);
		cifs_kunit_task_untangled(waiter);
		cifs_kunit_task_untangled(putter);
	}
	put_page(scene->page);
	KUNIT_EXPECT_TRUE(test, cifs_kunit_wait_freed(scene->put));
}

/* By the putter in good time, or in its stead; once. */
static void release_page(struct scene *scene)
{
	if (atomic_xchg(&scene->writeback, 0))
		end_page_writeback(scene->page);
	if (atomic_xchg(&scene->locked, 0))
		unlock_page(scene->page);
}

static void put_with_page_locked(struct cifs_kunit_task *self)
{
	struct scene *scene = self->data;
	struct inode *inode = scene->put->inode;
	struct inode *dir = d_inode(scene->put->dentry->d_parent);

	self->holds = scene->holds->name;
	self->waits_for = "lock_sem for writing";
	if (scene->holds->dir_rwsem)
		inode_lock(dir);
	if (scene->holds->file_rwsem)
		inode_lock(inode);
	cifs_kunit_lock_page(scene->page);
	atomic_set(&scene->locked, 1);
	if (scene->holds->writeback) {
		cifs_kunit_set_writeback(scene->page);
		atomic_set(&scene->writeback, 1);
	}
	putter_is_ready(scene);

	cifs_kunit_put(scene->put->cfile, true, true);

	release_page(scene);
	if (scene->holds->writeback)
		lock_map_release(&cifs_kunit_pg_writeback);
	lock_map_release(&cifs_kunit_pg_locked);
	if (scene->holds->file_rwsem)
		inode_unlock(inode);
	if (scene->holds->dir_rwsem)
		inode_unlock(dir);
}

static void wait_for_page(struct cifs_kunit_task *self)
{
	struct scene *scene = self->data;
	struct cifsInodeInfo *cinode = CIFS_I(scene->put->inode);

	self->holds = "lock_sem for reading";
	self->waits_for = "the page";
	down_read(&cinode->lock_sem);
	if (scene->holds->writeback) {
		cifs_kunit_wait_writeback(scene->page);
	} else {
		cifs_kunit_lock_page(scene->page);
		cifs_kunit_unlock_page(scene->page);
	}
	up_read(&cinode->lock_sem);
}

static void release_for_putter(struct scene *scene,
			       struct cifs_kunit_task *waiter)
{
	release_page(scene);
}

static void put_under_page_lock(struct kunit *test)
{
	struct scene scene = { .holds = test->param_value };
	struct cifs_kunit_task putter = {
		.name = "putter", .run = put_with_page_locked, .data = &scene,
	};
	struct cifs_kunit_task waiter = {
		.name = "waiter", .run = wait_for_page, .data = &scene,
	};

	set_scene(test, &scene);
	play(test, &scene, &putter, &waiter, release_for_putter);
}

/* The same by the client's own paths: the tasks of the report. */

/* In the server's write: the file's user closes it meanwhile. */
static void close_under_write(struct cifs_fixture *fx)
{
	struct scene *scene = fx->hook_data;

	fx->on_sync_write = NULL;
	cifs_kunit_drop(scene->put);
	putter_is_ready(scene);
}

/* An open with O_CREAT: cifs_d_revalidate() launders the page. */
static void launder(struct cifs_kunit_task *self)
{
	struct scene *scene = self->data;
	struct inode *dir = d_inode(scene->put->dentry->d_parent);

	inode_lock(dir);
	cifs_kunit_launder(scene->put->inode->i_mapping);
	inode_unlock(dir);
}

static void write_page(struct cifs_kunit_task *self)
{
	struct scene *scene = self->data;

	self->rc = cifs_kunit_write_page(scene->other);
}

#define LAUNDER							\
	.run = launder,						\
	.holds = "i_rwsem of the directory, PG_locked, PG_writeback",	\
	.waits_for = "lock_sem for writing"
#define WRITE_PAGE						\
	.run = write_page,					\
	.holds = "i_rwsem of the file, lock_sem for reading",	\
	.waits_for = "PG_locked"

/*
 * The launderer is deep in the kernel and will unlock the page itself. Lend
 * the lock to all the writers, and keep lock_sem from the launderer until it
 * is taken back.
 */
static void lend_page(struct scene *scene, struct cifs_kunit_task *writers,
		      unsigned int nr)
{
	struct cifsInodeInfo *cinode = CIFS_I(scene->put->inode);

	down_read(&cinode->lock_sem);
	unlock_page(scene->page);
	while (nr--)
		cifs_kunit_task_untangled(writers++);
	lock_page(scene->page);
	up_read(&cinode->lock_sem);
}

static void lend_page_once(struct scene *scene, struct cifs_kunit_task *writer)
{
	lend_page(scene, writer, 1);
}

/* A dirty page, its file open once more for who writes to it. */
static void set_dirty_scene(struct kunit *test, struct scene *scene)
{
	struct cifs_fixture *fx = test->priv;

	set_scene(test, scene);
	/* at the tail of openFileList: not what the launderer takes */
	scene->other = cifs_kunit_open(fx, scene->put->dentry, O_WRONLY);
	CIFS_I(scene->put->inode)->oplock = CIFS_CACHE_RHW_FLG;
	set_page_dirty(scene->page);
	fx->hook_data = scene;
	fx->on_sync_write = close_under_write;
}

static void launder_against_write(struct kunit *test)
{
	struct scene scene = {};
	struct cifs_kunit_task launderer = {
		.name = "launder", LAUNDER, .data = &scene,
	};
	struct cifs_kunit_task writer = {
		.name = "write", WRITE_PAGE, .data = &scene,
	};

	set_dirty_scene(test, &scene);
	play(test, &scene, &launderer, &writer, lend_page_once);
	KUNIT_EXPECT_EQ(test, writer.rc, PAGE_SIZE);
	cifs_kunit_put(scene.other->cfile, true, false);
}

static void lock_dir(struct cifs_kunit_task *self)
{
	struct scene *scene = self->data;
	struct inode *dir = d_inode(scene->put->dentry->d_parent);

	inode_lock(dir);
	inode_unlock(dir);
}

static void list_dir(struct cifs_kunit_task *self)
{
	struct scene *scene = self->data;
	struct inode *dir = d_inode(scene->put->dentry->d_parent);

	if (!down_read_killable(&dir->i_rwsem))
		up_read(&dir->i_rwsem);
}

static void flush_file(struct cifs_kunit_task *self)
{
	struct scene *scene = self->data;

	self->rc = cifs_flush(&scene->other->filp, NULL);
}

static void open_again(struct cifs_kunit_task *self)
{
	struct scene *scene = self->data;

	scene->opened = cifs_kunit_try_open(scene->fx, scene->put->dentry, O_WRONLY);
}

static void close_file(struct cifs_kunit_task *self)
{
	struct scene *scene = self->data;
	struct cifs_kunit_file *file;

	file = scene->to_close[atomic_inc_return(&scene->closed) - 1];
	cifs_close(file->inode, &file->filp);
}

/*
 * The eleven tasks of the report under its names, in the order in which they
 * come to wait.
 */
static const struct cifs_kunit_task reported[] = {
	{ .name = "8856", LAUNDER },
	{ .name = "8854", WRITE_PAGE },
	{ .name = "8855", .run = write_page, .waits_for = "i_rwsem of the file" },
	{ .name = "8857", .run = flush_file, .waits_for = "PG_writeback" },
	{ .name = "8859", .run = open_again, .waits_for = "lock_sem for writing" },
	{ .name = "8860", .run = close_file, .waits_for = "lock_sem for writing" },
	{ .name = "8861", .run = close_file, .waits_for = "lock_sem for writing" },
	{ .name = "8858", .run = close_file, .waits_for = "lock_sem for writing" },
	{ .name = "8862", .run = close_file, .waits_for = "lock_sem for writing" },
	{ .name = "8863", .run = lock_dir, .waits_for = "i_rwsem of the directory" },
	{ .name = "9802 ls", .run = list_dir, .waits_for = "i_rwsem of the directory" },
};

static void eleven_tasks_of_the_report(struct kunit *test)
{
	struct scene scene = { .fx = test->priv };
	struct cifs_kunit_task *tasks;
	unsigned int i, waiting = 0;

	tasks = kunit_kzalloc(test, sizeof(reported), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, tasks);
	memcpy(tasks, reported, sizeof(reported));
	set_dirty_scene(test, &scene);
	for (i = 0; i < ARRAY_SIZE(scene.to_close); i++)
		scene.to_close[i] = cifs_kunit_open(scene.fx, scene.put->dentry, O_WRONLY);

	for (i = 0; i < ARRAY_SIZE(reported); i++) {
		tasks[i].data = &scene;
		cifs_kunit_task_start(test, &tasks[i]);
		KUNIT_EXPECT_TRUE(test, cifs_kunit_poll(cifs_kunit_task_asleep(&tasks[i])));
	}
	KUNIT_EXPECT_TRUE(test, completion_done(&scene.held));
	KUNIT_EXPECT_TRUE(test, cifs_kunit_page_waiters(scene.page));
	complete(&scene.go);

	for (i = 0; i < ARRAY_SIZE(reported); i++)
		waiting += waiting ? !completion_done(&tasks[i].done) :
				     !cifs_kunit_task_join(&tasks[i]);
	if (waiting) {
		KUNIT_FAIL(test, "%u of %zu tasks wait for each other", waiting,
			   ARRAY_SIZE(reported));
		for (i = 0; i < ARRAY_SIZE(reported); i++)
			cifs_kunit_task_report(test, &tasks[i]);
		/* 8854 and 8855 */
		lend_page(&scene, &tasks[1], 2);
		for (i = 0; i < ARRAY_SIZE(reported); i++)
			cifs_kunit_task_untangled(&tasks[i]);
	}
	put_page(scene.page);
	KUNIT_EXPECT_EQ(test, tasks[1].rc, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, tasks[2].rc, PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, scene.opened);
	cifs_kunit_put(scene.opened->cfile, true, false);
	cifs_kunit_put(scene.other->cfile, true, false);
}

static struct kunit_case cifs_put_deadlock_cases[] = {
	KUNIT_CASE_PARAM(put_under_page_lock, holds_gen_params),
	KUNIT_CASE(launder_against_write),
	KUNIT_CASE(eleven_tasks_of_the_report),
	{}
};

static struct kunit_suite cifs_put_deadlock_suite = {
	.name = "cifs_put_deadlock",
	.init = cifs_fixture_init,
	.exit = cifs_fixture_exit,
	.test_cases = cifs_put_deadlock_cases,
};

kunit_test_suite(cifs_put_deadlock_suite);

MODULE_LICENSE("GPL");
