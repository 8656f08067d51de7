/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A mount made in memory, with a fake server behind it, around the client's
 * real code; and tasks whose waits are bounded.
 */
#ifndef _CIFS_FIXTURE_H
#define _CIFS_FIXTURE_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include "cifsglob.h"

#define CIFS_KUNIT_EVENTS	64
#define CIFS_KUNIT_LOCKS	8
#define CIFS_KUNIT_NAME		40

/* How long a test waits for what should come at once, in ms. */
#define CIFS_KUNIT_PATIENCE	2000

/* What the fixture writes down: calls on the fake server, and frees. */
enum cifs_kunit_op {
	CIFS_KUNIT_OPEN,		/* ->open() */
	CIFS_KUNIT_CLOSE,		/* ->close() */
	CIFS_KUNIT_CLOSE_GETATTR,	/* ->close_getattr() */
	CIFS_KUNIT_OPLOCK_RESPONSE,	/* ->oplock_response() */
	CIFS_KUNIT_DOWNGRADE,		/* ->downgrade_oplock() */
	CIFS_KUNIT_PUSH_LOCKS,		/* ->push_mand_locks() */
	CIFS_KUNIT_SYNC_WRITE,		/* ->sync_write() */
	CIFS_KUNIT_FREED,		/* the cfile went to kfree() */
};

/**
 * struct cifs_kunit_event - one call that the code under test made
 * @op: which
 * @fid: volatile id of the handle it was made with
 * @task: the task it was made in; only to be compared
 * @worker: made by a workqueue worker
 * @queue: the name of that worker's queue, else ""
 * @pending_opens: whether the tcon had a pending open listed
 * @nr_locks: how many locks the task held, lockdep's maps of works included
 * @locks: their lockdep names
 */
struct cifs_kunit_event {
	enum cifs_kunit_op op;
	u64 fid;
	struct task_struct *task;
	bool worker;
	bool pending_opens;
	char queue[CIFS_KUNIT_NAME];
	unsigned int nr_locks;
	char locks[CIFS_KUNIT_LOCKS][CIFS_KUNIT_NAME];
};

/**
 * struct cifs_kunit_file - an open file
 * @list: in cifs_fixture.files
 * @filp: what the VFS would have
 * @inode: its inode
 * @dentry: its name, see cifs_kunit_create()
 * @cfile: made by cifs_new_fileinfo(); not to be touched once @freed
 * @pending: the pending open that cifs_new_fileinfo() takes off its list
 * @fid: volatile id
 * @closes: how often the server has closed it
 * @freed: @cfile went to kfree()
 * @lost: its handle was invalid by then
 * @buried: it did not, and is off all lists
 */
struct cifs_kunit_file {
	struct list_head list;
	struct file filp;
	struct inode *inode;
	struct dentry *dentry;
	struct cifsFileInfo *cfile;
	struct cifs_pending_open pending;
	u64 fid;
	atomic_t closes;
	bool freed;
	bool lost;
	bool buried;
};

/**
 * struct cifs_kunit_watch - any object that the code under test must free
 * @list: in cifs_fixture.watches
 * @ptr: the object; only to be compared
 * @what: its name in a failure
 * @freed: it went to kfree()
 */
struct cifs_kunit_watch {
	struct list_head list;
	const void *ptr;
	const char *what;
	bool freed;
};

/**
 * struct cifs_kunit_task - one of the tasks of a scenario
 * @name: what a report calls it
 * @holds: what it holds while it waits, for a report
 * @waits_for: and what it may wait for
 * @run: what it does, in its own kthread
 * @data: for @run
 * @rc: what @run has to say in the end
 * @task: the kthread; a reference is held until cifs_kunit_task_join()
 * @done: @run has returned
 */
struct cifs_kunit_task {
	const char *name;
	const char *holds;
	const char *waits_for;
	void (*run)(struct cifs_kunit_task *self);
	void *data;
	int rc;
	struct task_struct *task;
	struct completion done;
};

/**
 * struct cifs_fixture - the mount
 * @test: the case it belongs to
 * @sb: superblock of type cifs, with production's super operations
 * @cifs_sb: its private part
 * @server: the fake server
 * @ops: what the fake server answers with; a case may change it
 * @ses: session on @server
 * @tcon: tree connection of @ses
 * @tlink: the mount's link to @tcon
 * @close_rc: what ->close() returns, call by call; 0 after the last
 * @nr_close_rc: how many of @close_rc are set
 * @closes: calls of ->close() and ->close_getattr() so far
 * @serve: called in each call on the fake server that may sleep; what it
 *	   returns is the answer. NULL: success, but for @close_rc
 * @on_close: called in ->close(), in the caller's context, may be NULL
 * @on_downgrade: called in ->downgrade_oplock(), where some kernels hold
 *		  the inode's open_file_lock; may be NULL
 * @on_sync_write: called in ->sync_write(), may be NULL
 * @on_request: called in ->async_readv() and ->async_writev() with the work
 *		that completes the request, which it must queue; NULL: done
 * @on_busy: called in the umount's task if something is in use when the
 *	     dentries are about to go, to have it go after all; may be NULL
 * @hook_data: for these
 * @lock: guards what follows, up to @events; taken in any context
 * @files: every file opened
 * @watches: every object watched
 * @nr_events: how many of @events are set, those that found no room included
 * @events: what happened, in order
 * @crowded: more will happen than there is room for
 * @symlink_target: what the next files opened are links to, or NULL
 * @names: what cifs_kunit_create() made; a reference is held to each
 * @nr_names: how many
 * @last_fid: the id of the last handle opened
 * @nr_tcons: tconInfoAllocCount before the mount was made
 * @task: does what may never come back
 * @given_up: it did not
 * @busy: open files, and what is watched, that were still there when they
 *	  had to be gone
 * @before: called right before cifs_kill_sb(), may be NULL
 * @gone: cifs_kill_sb() has let the superblock go
 * @umounted: the same, and whoever umounts knows it
 * @late: calls on the fake server, and frees of open files, since then
 */
struct cifs_fixture {
	struct kunit *test;
	struct super_block *sb;
	struct cifs_sb_info *cifs_sb;
	struct TCP_Server_Info server;
	struct smb_version_operations ops;
	struct cifs_ses *ses;
	struct cifs_tcon *tcon;
	struct tcon_link *tlink;

	int close_rc[8];
	unsigned int nr_close_rc;
	atomic_t closes;
	int (*serve)(struct cifs_fixture *fx, enum cifs_kunit_op op, u64 fid);
	void (*on_close)(struct cifs_fixture *fx);
	void (*on_downgrade)(struct cifs_fixture *fx);
	void (*on_sync_write)(struct cifs_fixture *fx);
	void (*on_request)(struct cifs_fixture *fx, struct work_struct *complete);
	void (*on_busy)(struct cifs_fixture *fx);
	void *hook_data;

	raw_spinlock_t lock;
	struct list_head files;
	struct list_head watches;
	unsigned int nr_events;
	struct cifs_kunit_event events[CIFS_KUNIT_EVENTS];
	bool crowded;

	const char *symlink_target;
	struct dentry *names[4];
	unsigned int nr_names;
	atomic_t last_fid;
	int nr_tcons;

	struct cifs_kunit_task task;
	bool given_up;
	unsigned int busy;
	void (*before)(struct cifs_fixture *fx);
	struct completion gone;
	bool umounted;
	unsigned int late;
};

void cifs_kunit_serve_request(struct TCP_Server_Info *server,
			      struct work_struct *complete);
int cifs_kunit_serve_close(struct cifs_tcon *tcon, struct cifs_fid *fid,
			   enum cifs_kunit_op op);
int cifs_kunit_serve_oplock_response(struct cifs_tcon *tcon, u64 volatile_fid);
int cifs_kunit_serve_write(struct TCP_Server_Info *server, u64 volatile_fid);

/* cifsfs.c has the real ones, as static */
extern const struct super_operations *cifs_kunit_super_ops;
int cifs_kunit_init_cifs(void);
void cifs_kunit_exit_cifs(void);
void cifs_kunit_shrink_inode_cache(void);

int cifs_fixture_init(struct kunit *test);
void cifs_fixture_exit(struct kunit *test);

struct dentry *cifs_kunit_create(struct cifs_fixture *fx, const char *name);
struct cifs_kunit_file *cifs_kunit_try_open(struct cifs_fixture *fx,
					    struct dentry *dentry,
					    unsigned int f_flags);
struct cifs_kunit_file *cifs_kunit_open(struct cifs_fixture *fx,
					struct dentry *dentry,
					unsigned int f_flags);
void cifs_kunit_drop(struct cifs_kunit_file *file);
ssize_t cifs_kunit_write_page(struct cifs_kunit_file *file);
bool cifs_kunit_break_oplock(struct cifs_fixture *fx,
			     struct cifs_kunit_file *file);
void cifs_kunit_defer_close(struct cifs_fixture *fx,
			    struct cifs_kunit_file *file,
			    unsigned int delay_ms);
void cifs_kunit_set_out(struct cifs_fixture *fx, const char *what,
			void (*run)(struct cifs_kunit_task *self));
bool cifs_kunit_is_back(struct cifs_fixture *fx);
struct cifs_fixture *cifs_kunit_task_fixture(struct cifs_kunit_task *self);
void cifs_kunit_must_be_idle(struct cifs_fixture *fx);
void cifs_kunit_bury(struct cifs_fixture *fx);
void cifs_kunit_umount(struct cifs_fixture *fx);
void cifs_kunit_umount_start(struct cifs_fixture *fx,
			     void (*before)(struct cifs_fixture *fx));
void cifs_kunit_umount_end(struct cifs_fixture *fx);
void cifs_kunit_expect_umounted(struct cifs_fixture *fx);
struct cifs_kunit_watch *cifs_kunit_watch(struct cifs_fixture *fx,
					  const void *ptr, const char *what);

bool cifs_kunit_worker_queue(char *name);
unsigned int cifs_kunit_count(struct cifs_fixture *fx, enum cifs_kunit_op op);
const struct cifs_kunit_event *cifs_kunit_event(struct cifs_fixture *fx,
						enum cifs_kunit_op op,
						unsigned int n);
void cifs_kunit_flush(struct cifs_fixture *fx, struct workqueue_struct *wq);
bool cifs_kunit_is_freed(struct cifs_fixture *fx, const void *ptr);
bool cifs_kunit_wait_freed(struct cifs_kunit_file *file);
void cifs_kunit_expect_here(struct kunit *test,
			    const struct cifs_kunit_event *ev);
void cifs_kunit_expect_queue(struct kunit *test,
			     const struct cifs_kunit_event *ev,
			     const char *queue);

/**
 * cifs_kunit_poll() - wait for a condition, not for ever
 * @cond: evaluated every 20 ms
 *
 * For what no completion can tell, such as another task having gone to sleep
 * on a page. May sleep.
 *
 * Return: whether @cond came true within CIFS_KUNIT_PATIENCE.
 */
#define cifs_kunit_poll(cond)						\
({									\
	int __left = CIFS_KUNIT_PATIENCE / 20;				\
	bool __met;							\
									\
	for (;;) {							\
		__met = (cond);						\
		if (__met || !__left--)					\
			break;						\
		msleep(20);						\
	}								\
	__met;								\
})

void cifs_kunit_task_start(struct kunit *test, struct cifs_kunit_task *task);
bool cifs_kunit_task_join(struct cifs_kunit_task *task);
bool cifs_kunit_task_asleep(const struct cifs_kunit_task *task);
void cifs_kunit_task_untangled(struct cifs_kunit_task *task);
void cifs_kunit_task_report(struct kunit *test, struct cifs_kunit_task *task);

#endif /* _CIFS_FIXTURE_H */
