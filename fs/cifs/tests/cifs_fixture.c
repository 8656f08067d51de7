// SPDX-License-Identifier: GPL-2.0
/*
 * A mount made in memory, with a fake server behind it. See cifs_fixture.h.
 *
 * The inodes, the tcon and the session are made by the client's own functions,
 * so that their locks are in production's lockdep classes. The superblock's
 * private part and the server are not: their locks are not under test.
 */
#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kallsyms.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched/debug.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/uio.h>
#include <trace/events/kmem.h>
#include "cifsglob.h"
#include "cifsfs.h"
#include "cifsproto.h"
#include "cifs_fs_sb.h"
#include "cifs_fixture.h"
#include "compat.h"
#define CIFS_KUNIT_NO_INTERPOSE
#include "interpose.h"

#define WQ_COMPLETION	"(wq_completion)"
#define WORK_COMPLETION	"(work_completion)"

static bool is_work_map(const char *name)
{
	return str_has_prefix(name, WQ_COMPLETION) ||
	       str_has_prefix(name, WORK_COMPLETION);
}

/*
 * Lockdep's map of the queue tells which one the current worker serves. Once
 * lockdep has reported something, what it says of a task is out of date, and
 * may be freed.
 */
static void note_context(struct cifs_kunit_event *ev)
{
	unsigned int i, nr;

	ev->task = current;
	ev->worker = current->flags & PF_WQ_WORKER;
	ev->nr_locks = debug_locks ? current->lockdep_depth : 0;
	nr = min_t(unsigned int, ev->nr_locks, CIFS_KUNIT_LOCKS);
	for (i = 0; i < nr; i++) {
		const char *name = current->held_locks[i].instance->name;
		size_t len = str_has_prefix(name, WQ_COMPLETION);

		strscpy(ev->locks[i], name, CIFS_KUNIT_NAME);
		if (len && ev->worker)
			strscpy(ev->queue, name + len, CIFS_KUNIT_NAME);
	}
}

/**
 * cifs_kunit_worker_queue() - the queue that the current task works for
 * @name: gets its name, of CIFS_KUNIT_NAME bytes
 *
 * Any context.
 *
 * Return: whether it is a worker.
 */
bool cifs_kunit_worker_queue(char *name)
{
	struct cifs_kunit_event here = {};

	if (!in_task())
		return false;
	note_context(&here);
	strscpy(name, here.queue, CIFS_KUNIT_NAME);
	return here.worker && here.queue[0];
}

static void __record(struct cifs_fixture *fx, enum cifs_kunit_op op, u64 fid)
{
	struct cifs_kunit_event *ev;

	lockdep_assert_held(&fx->lock);
	/* where the file pins the superblock, it is freed after that went */
	if (op != CIFS_KUNIT_FREED || !IS_ENABLED(CONFIG_CIFS_KUNIT_FILE_PINS_SB))
		fx->late += fx->umounted;
	if (fx->nr_events++ >= CIFS_KUNIT_EVENTS)
		return;
	ev = &fx->events[fx->nr_events - 1];
	ev->op = op;
	ev->fid = fid;
	note_context(ev);
	/* fx->lock is not the code's own */
	if (ev->nr_locks)
		ev->nr_locks--;
}

static void record(struct cifs_fixture *fx, enum cifs_kunit_op op, u64 fid)
{
	/* no lock: what is recorded must not look different to lockdep */
	bool pending_opens = !list_empty_careful(&fx->tcon->pending_opens);
	unsigned long flags;

	if (cifs_kunit_blind)
		return;
	raw_spin_lock_irqsave(&fx->lock, flags);
	__record(fx, op, fid);
	if (fx->nr_events <= CIFS_KUNIT_EVENTS)
		fx->events[fx->nr_events - 1].pending_opens = pending_opens;
	raw_spin_unlock_irqrestore(&fx->lock, flags);
}

static void note_free(struct cifs_fixture *fx, const void *ptr)
{
	struct cifs_kunit_file *file;
	struct cifs_kunit_watch *watch;
	unsigned long flags;

	raw_spin_lock_irqsave(&fx->lock, flags);
	list_for_each_entry(file, &fx->files, list) {
		if (file->cfile == ptr && !file->freed) {
			__record(fx, CIFS_KUNIT_FREED, file->fid);
			file->lost = file->cfile->invalidHandle;
			WRITE_ONCE(file->freed, true);
		}
	}
	list_for_each_entry(watch, &fx->watches, list) {
		if (watch->ptr == ptr)
			WRITE_ONCE(watch->freed, true);
	}
	raw_spin_unlock_irqrestore(&fx->lock, flags);
}

/* The mount that probe_kfree() is for. */
static struct cifs_fixture __rcu *noted;

/*
 * Probe of the kfree tracepoint: any context, every kfree() there is. No
 * rcu_read_lock(): note_context() would find it among the locks of the task.
 */
static void probe_kfree(void *data, unsigned long ip, const void *ptr)
{
	struct cifs_fixture *fx;

	if (!ptr || cifs_kunit_blind)
		return;
	preempt_disable_notrace();
	fx = rcu_dereference_sched(noted);
	if (fx)
		note_free(fx, ptr);
	preempt_enable_notrace();
}

/* It stays: tracepoint_synchronize_unregister() may take longer than a case. */
static int probe_once(void)
{
	static bool probed;
	int rc = probed ? 0 : register_trace_kfree(probe_kfree, NULL);

	probed = !rc;
	return rc;
}

/* The fake server. */

static struct cifs_fixture *server_fixture(struct TCP_Server_Info *server)
{
	return container_of(server, struct cifs_fixture, server);
}

static int next_close_rc(struct cifs_fixture *fx)
{
	unsigned int n = atomic_inc_return(&fx->closes) - 1;

	return n < fx->nr_close_rc ? fx->close_rc[n] : 0;
}

/* The answer to what may sleep, and has nothing to say but that. */
static int serve(struct TCP_Server_Info *server, enum cifs_kunit_op op, u64 fid)
{
	struct cifs_fixture *fx = server_fixture(server);

	record(fx, op, fid);
	return fx->serve ? fx->serve(fx, op, fid) : 0;
}

static void note_closed(struct cifs_fixture *fx, u64 fid)
{
	struct cifs_kunit_file *file;
	unsigned long flags;

	raw_spin_lock_irqsave(&fx->lock, flags);
	list_for_each_entry(file, &fx->files, list) {
		if (file->fid == fid)
			atomic_inc(&file->closes);
	}
	raw_spin_unlock_irqrestore(&fx->lock, flags);
}

/**
 * cifs_kunit_serve_close() - what the fake server does for a close
 * @tcon: the tcon
 * @fid: the handle
 * @op: which of the two calls it was
 *
 * Each request takes a buffer from the client's pool.
 *
 * Return: what the case wants.
 */
int cifs_kunit_serve_close(struct cifs_tcon *tcon, struct cifs_fid *fid,
			   enum cifs_kunit_op op)
{
	struct cifs_fixture *fx = server_fixture(tcon->ses->server);
	u64 volatile_fid = fid->volatile_fid;
	int rc;

	cifs_small_buf_release(cifs_small_buf_get());
	record(fx, op, volatile_fid);
	if (fx->on_close && op == CIFS_KUNIT_CLOSE)
		fx->on_close(fx);
	rc = fx->serve ? fx->serve(fx, op, volatile_fid) : next_close_rc(fx);
	if (!rc)
		note_closed(fx, volatile_fid);
	return rc;
}

static int fake_open(const unsigned int xid, struct cifs_open_parms *oparms,
		     __u32 *oplock, void *buf)
{
	return serve(oparms->tcon->ses->server, CIFS_KUNIT_OPEN,
		     oparms->fid->volatile_fid);
}

static int fake_push_mand_locks(struct cifsFileInfo *cfile)
{
	struct cifs_tcon *tcon = tlink_tcon(cfile->tlink);

	return serve(tcon->ses->server, CIFS_KUNIT_PUSH_LOCKS,
		     cfile->fid.volatile_fid);
}

static int fake_mand_lock(const unsigned int xid, struct cifsFileInfo *cfile,
			  __u64 offset, __u64 length, __u32 type, int lock,
			  int unlock, bool wait)
{
	return 0;
}

static bool fake_is_read_op(__u32 oplock)
{
	return oplock == CIFS_CACHE_READ_FLG;
}

static bool fake_compare_fids(struct cifsFileInfo *a, struct cifsFileInfo *b)
{
	return a->fid.volatile_fid == b->fid.volatile_fid;
}

static void fake_set_fid(struct cifsFileInfo *cfile, struct cifs_fid *fid,
			 __u32 oplock)
{
	struct cifsInodeInfo *cinode = CIFS_I(d_inode(cfile->dentry));

	cfile->fid.persistent_fid = fid->persistent_fid;
	cfile->fid.volatile_fid = fid->volatile_fid;
	cinode->oplock = oplock;
	cinode->can_cache_brlcks = CIFS_CACHE_WRITE(cinode);
}

static void fake_downgrade_oplock(struct TCP_Server_Info *server,
				  struct cifsInodeInfo *cinode, __u32 oplock,
				  typeof(((struct cifsInodeInfo *)0)->epoch) epoch,
				  bool *purge_cache)
{
	struct cifs_fixture *fx = server_fixture(server);

	serve(server, CIFS_KUNIT_DOWNGRADE, 0);
	cinode->oplock = oplock;
	if (fx->on_downgrade)
		fx->on_downgrade(fx);
}

/**
 * cifs_kunit_serve_oplock_response() - the answer to an oplock break
 * @tcon: the tcon
 * @volatile_fid: the handle
 *
 * Return: what the case wants.
 */
int cifs_kunit_serve_oplock_response(struct cifs_tcon *tcon, u64 volatile_fid)
{
	return serve(tcon->ses->server, CIFS_KUNIT_OPLOCK_RESPONSE, volatile_fid);
}

static unsigned int fake_wp_retry_size(struct inode *inode)
{
	return PAGE_SIZE;
}

/**
 * cifs_kunit_serve_write() - what the fake server does for a write
 * @server: the server
 * @volatile_fid: the handle
 *
 * Return: what the case wants.
 */
int cifs_kunit_serve_write(struct TCP_Server_Info *server, u64 volatile_fid)
{
	struct cifs_fixture *fx = server_fixture(server);
	int rc = serve(server, CIFS_KUNIT_SYNC_WRITE, volatile_fid);

	if (fx->on_sync_write)
		fx->on_sync_write(fx);
	return rc;
}

static int fake_sync_write(const unsigned int xid, struct cifs_fid *fid,
			   struct cifs_io_parms *parms, unsigned int *written,
			   struct kvec *iov, unsigned long nr_segs)
{
	int rc = cifs_kunit_serve_write(parms->tcon->ses->server,
					fid->volatile_fid);

	*written = rc ? 0 : parms->length;
	return rc;
}

/**
 * cifs_kunit_serve_request() - what the fake server does for a read or write
 *				that nobody waits for
 * @server: the fake server
 * @complete: the client's work that completes the request
 *
 * The answer comes at once, if the case does not want it later.
 */
void cifs_kunit_serve_request(struct TCP_Server_Info *server,
			      struct work_struct *complete)
{
	struct cifs_fixture *fx = server_fixture(server);

	if (fx->on_request)
		fx->on_request(fx, complete);
	else
		queue_work(cifsiod_wq, complete);
}

static const struct smb_version_operations fake_ops = {
	/* the last argument is of a type of its own in some kernels */
	.open = (void *)fake_open,
	.compare_fids = fake_compare_fids,
	.is_read_op = fake_is_read_op,
	.set_fid = fake_set_fid,
	.downgrade_oplock = fake_downgrade_oplock,
	.mand_lock = fake_mand_lock,
	.push_mand_locks = fake_push_mand_locks,
	.wp_retry_size = fake_wp_retry_size,
	.sync_write = fake_sync_write,
	.wait_mtu_credits = cifs_wait_mtu_credits,
};

/* The mount. */

static void make_server(struct cifs_fixture *fx)
{
	struct TCP_Server_Info *server = &fx->server;

	fx->ops = fake_ops;
	cifs_kunit_fit_ops(&fx->ops);
	spin_lock_init(&server->req_lock);
	mutex_init(&server->reconnect_mutex);
	server->ops = &fx->ops;
	server->vals = &smb30_values;
}

static void make_tcon(struct cifs_fixture *fx)
{
	fx->ses = sesInfoAlloc();
	KUNIT_ASSERT_NOT_NULL(fx->test, fx->ses);
	fx->ses->server = &fx->server;
	fx->ses->chans[0].server = &fx->server;
	fx->ses->chan_count = 1;

	fx->nr_tcons = atomic_read(&tconInfoAllocCount);
	fx->tcon = cifs_kunit_alloc_tcon();
	KUNIT_ASSERT_NOT_NULL(fx->test, fx->tcon);
	INIT_LIST_HEAD(&fx->tcon->pending_opens);
	fx->tcon->ses = fx->ses;
	cifs_kunit_set_good(fx->tcon);
	/* one reference for the link, one to look at it after the umount */
	fx->tcon->tc_count++;
}

static void make_tlink(struct cifs_fixture *fx)
{
	struct tcon_link *tlink = kzalloc(sizeof(*tlink), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fx->test, tlink);
	tlink->tl_tcon = fx->tcon;
	tlink->tl_time = jiffies;
	atomic_set(&tlink->tl_count, 0);
	set_bit(TCON_LINK_MASTER, &tlink->tl_flags);
	set_bit(TCON_LINK_IN_TREE, &tlink->tl_flags);

	rb_link_node(&tlink->tl_rbnode, NULL, &fx->cifs_sb->tlink_tree.rb_node);
	rb_insert_color(&tlink->tl_rbnode, &fx->cifs_sb->tlink_tree);
	fx->cifs_sb->master_tlink = tlink;
	fx->tlink = tlink;
}

static void make_cifs_sb(struct cifs_fixture *fx)
{
	fx->cifs_sb = cifs_kunit_alloc_sb();
	KUNIT_ASSERT_NOT_NULL(fx->test, fx->cifs_sb);
}

static struct inode *make_inode(struct cifs_fixture *fx, umode_t mode)
{
	struct inode *inode = new_inode(fx->sb);

	if (!inode)
		return NULL;
	inode->i_ino = get_next_ino();
	inode->i_mode = mode;
	/* no times and no suid to look after, hence no call on the server */
	inode->i_flags |= S_NOCMTIME | S_NOSEC;
	if (S_ISDIR(mode)) {
		lockdep_annotate_inode_mutex_key(inode);
	} else {
		i_size_write(inode, PAGE_SIZE);
		inode->i_mapping->a_ops = &cifs_addr_ops;
	}
	cifs_kunit_init_inode(inode);
	return inode;
}

static void make_super(struct cifs_fixture *fx)
{
	struct super_block *sb;

	sb = cifs_kunit_get_super(fx->cifs_sb);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(fx->test, sb);
	fx->sb = sb;
	fx->sb->s_op = cifs_kunit_super_ops;
	fx->sb->s_maxbytes = MAX_LFS_FILESIZE;
	fx->sb->s_flags |= SB_ACTIVE;
	up_write(&fx->sb->s_umount);

	fx->sb->s_root = d_make_root(make_inode(fx, S_IFDIR | 0755));
	KUNIT_ASSERT_NOT_NULL(fx->test, fx->sb->s_root);
	/* cifs_kill_sb() drains only what got as far as this */
	cifs_kunit_set_root(fx->cifs_sb, fx->sb->s_root);
}

/**
 * cifs_fixture_init() - make the mount, for kunit_suite.init
 * @test: the case; its priv points to the &struct cifs_fixture afterwards
 *
 * May sleep.
 *
 * Return: 0, or a negative errno.
 */
int cifs_fixture_init(struct kunit *test)
{
	struct cifs_fixture *fx;

	fx = kzalloc(sizeof(*fx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fx);
	fx->test = test;
	raw_spin_lock_init(&fx->lock);
	INIT_LIST_HEAD(&fx->files);
	INIT_LIST_HEAD(&fx->watches);
	init_completion(&fx->gone);
	KUNIT_ASSERT_EQ(test, probe_once(), 0);
	rcu_assign_pointer(noted, fx);
	test->priv = fx;

	make_server(fx);
	make_tcon(fx);
	make_cifs_sb(fx);
	make_tlink(fx);
	make_super(fx);
	return 0;
}

static bool on_list(struct list_head *entry, struct list_head *head)
{
	struct list_head *pos;

	list_for_each(pos, head) {
		if (pos == entry)
			return true;
	}
	return false;
}

/**
 * cifs_kunit_set_out() - do what may never come back in a task of its own
 * @fx: the mount, whose task is not in use
 * @what: what a report calls it
 * @run: what the task does
 *
 * cifs_kunit_is_back() must follow. May sleep.
 */
void cifs_kunit_set_out(struct cifs_fixture *fx, const char *what,
			void (*run)(struct cifs_kunit_task *self))
{
	fx->task.name = what;
	fx->task.run = run;
	cifs_kunit_task_start(fx->test, &fx->task);
}

/**
 * cifs_kunit_is_back() - wait for the fixture's task, not for ever
 * @fx: the mount
 *
 * If it does not come back, the case has failed and its mount is given up,
 * never to be freed: the next case has one of its own. May sleep.
 *
 * Return: whether it has come back.
 */
bool cifs_kunit_is_back(struct cifs_fixture *fx)
{
	if (fx->task.task && cifs_kunit_task_join(&fx->task))
		return true;
	KUNIT_FAIL(fx->test, "%s does not come back", fx->task.name);
	cifs_kunit_task_report(fx->test, &fx->task);
	fx->given_up = true;
	return false;
}

static bool comes_back(struct cifs_fixture *fx, const char *what,
		       void (*run)(struct cifs_kunit_task *self))
{
	if (fx->given_up)
		return false;
	cifs_kunit_set_out(fx, what, run);
	return cifs_kunit_is_back(fx);
}

/**
 * cifs_kunit_task_fixture() - the mount whose task this is
 * @self: see cifs_kunit_set_out()
 *
 * Return: the mount.
 */
struct cifs_fixture *cifs_kunit_task_fixture(struct cifs_kunit_task *self)
{
	return container_of(self, struct cifs_fixture, task);
}

/* Take a leaked cfile off whatever it is still on. Its memory is let go. */
static void bury(struct cifs_fixture *fx, struct cifs_kunit_file *file)
{
	struct cifsInodeInfo *cinode = CIFS_I(file->inode);
	struct cifsFileInfo *cfile = file->cfile;

	spin_lock(&fx->tcon->open_file_lock);
	if (on_list(&cfile->tlist, &fx->tcon->openFileList)) {
		list_del(&cfile->tlist);
		list_del(&cfile->flist);
		atomic_dec(&fx->tcon->num_local_opens);
	}
	spin_unlock(&fx->tcon->open_file_lock);

	cifs_down_write(&cinode->lock_sem);
	if (on_list(&cfile->llist->llist, &cinode->llist))
		list_del(&cfile->llist->llist);
	up_write(&cinode->lock_sem);
}

static void put_away_all(struct cifs_fixture *fx)
{
	struct cifs_kunit_file *file;

	list_for_each_entry(file, &fx->files, list) {
		if (file->freed || file->buried)
			continue;
		file->buried = true;
		cifs_kunit_cancel_deferred(file->cfile);
		cancel_work_sync(&file->cfile->oplock_break);
		/* it may queue the final part */
		cifs_kunit_cancel_serverclose(file->cfile);
		cifs_kunit_cancel_put(file->cfile);
		bury(fx, file);
	}
}

static void put_away(struct cifs_kunit_task *self)
{
	put_away_all(cifs_kunit_task_fixture(self));
}

static void expect_closed(struct cifs_fixture *fx)
{
	struct cifs_kunit_file *file;
	struct cifs_kunit_watch *watch;
	bool leaked = false;

	list_for_each_entry(file, &fx->files, list) {
		KUNIT_EXPECT_LE_MSG(fx->test, atomic_read(&file->closes), 1,
				    "handle %llu", file->fid);
		if (cifs_kunit_wait_freed(file))
			continue;
		KUNIT_FAIL(fx->test, "leaked: cfile of handle %llu, count %d",
			   file->fid, file->cfile->count);
		leaked = true;
	}
	list_for_each_entry(watch, &fx->watches, list)
		KUNIT_EXPECT_TRUE_MSG(fx->test, watch->freed, "leaked: %s",
				      watch->what);
	if (leaked)
		comes_back(fx, "the end of what leaked", put_away);
}

static void expect_balanced(struct cifs_fixture *fx)
{
	struct cifs_kunit_file *file;
	struct kunit *test = fx->test;
	unsigned int i;

	if (!fx->crowded)
		KUNIT_EXPECT_LE(test, fx->nr_events, CIFS_KUNIT_EVENTS);
	KUNIT_EXPECT_TRUE(test, list_empty(&fx->tcon->openFileList));
	KUNIT_EXPECT_TRUE(test, list_empty(&fx->tcon->pending_opens));
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->tcon->num_local_opens), 0);
	KUNIT_EXPECT_EQ(test, fx->tcon->tc_count, 2);
	KUNIT_EXPECT_EQ(test, GlobalTotalActiveXid, 0);
	GlobalTotalActiveXid = 0;
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->tlink->tl_count), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->sb->s_active), 1);
	/* let the umount of a failed case not be what is blamed */
	while (atomic_read(&fx->tlink->tl_count) > 0)
		cifs_put_tlink(fx->tlink);
	while (atomic_read(&fx->sb->s_active) > 1)
		atomic_dec(&fx->sb->s_active);

	list_for_each_entry(file, &fx->files, list) {
		KUNIT_EXPECT_TRUE(test, list_empty(&CIFS_I(file->inode)->llist));
		KUNIT_EXPECT_TRUE(test,
				  list_empty(&CIFS_I(file->inode)->openFileList));
		KUNIT_EXPECT_TRUE(test,
				  cifs_kunit_none_deferred(CIFS_I(file->inode)));
	}
	for (i = 0; i < fx->nr_names; i++) {
		KUNIT_EXPECT_EQ(test, d_count(fx->names[i]), 1);
		while (d_count(fx->names[i]) > 1)
			dput(fx->names[i]);
	}
}

/**
 * cifs_kunit_bury() - have an umount go on that waits for open files in vain
 * @fx: the mount
 *
 * For &cifs_fixture.on_busy. May sleep.
 */
void cifs_kunit_bury(struct cifs_fixture *fx)
{
	struct cifs_kunit_file *file;

	list_for_each_entry(file, &fx->files, list)
		cifs_kunit_wait_freed(file);
	put_away_all(fx);
	list_for_each_entry(file, &fx->files, list) {
		if (!file->freed)
			dput(file->dentry);
	}
}

/* Off, a wrong umount or exit runs into the kernel's own complaint. */
bool cifs_kunit_untangle = true;
module_param_named(untangle, cifs_kunit_untangle, bool, 0);

/* The mount that is on its way out. */
static struct cifs_fixture *umounting;

/**
 * cifs_kunit_must_be_idle() - note what of the mount is still in use
 * @fx: the mount; it must not be in use any more
 *
 * If an open file or what is watched still is, the case has failed, and may
 * see to it that it goes after all. May sleep.
 */
void cifs_kunit_must_be_idle(struct cifs_fixture *fx)
{
	struct cifs_kunit_watch *watch;
	struct cifs_kunit_file *file;

	list_for_each_entry(file, &fx->files, list)
		fx->busy += !READ_ONCE(file->freed);
	list_for_each_entry(watch, &fx->watches, list)
		fx->busy += !READ_ONCE(watch->freed);
	if (fx->busy && cifs_kunit_untangle && fx->on_busy)
		fx->on_busy(fx);
}

/* A handler that still has to clear its bit will look for the inode. */
static void expect_breaks_done(struct cifs_fixture *fx)
{
	struct cifs_kunit_file *file;
	unsigned int nr = 0;

	list_for_each_entry(file, &fx->files, list)
		nr += test_bit(CIFS_INODE_PENDING_OPLOCK_BREAK,
			       &CIFS_I(file->inode)->flags);
	KUNIT_EXPECT_EQ_MSG(fx->test, nr, 0,
			    "oplock breaks go on when the inodes go");
}

/**
 * cifs_kunit_kill_anon_super() - kill_anon_super(), as cifs_kill_sb() calls it
 * @sb: the superblock
 *
 * Once it is called nothing may hold a dentry or an inode any more, and once
 * it is back nothing may touch one: their memory is gone. May sleep.
 */
void cifs_kunit_kill_anon_super(struct super_block *sb)
{
	struct cifs_fixture *fx = umounting;

	if (!fx || fx->sb != sb) {
		kill_anon_super(sb);
		return;
	}
	/* a file that pins the superblock is freed by who lets it go, next */
	if (!IS_ENABLED(CONFIG_CIFS_KUNIT_FILE_PINS_SB))
		cifs_kunit_must_be_idle(fx);
	expect_breaks_done(fx);
	kill_anon_super(sb);
	rcu_barrier();
	complete_all(&fx->gone);
}

/**
 * cifs_kunit_umount() - unmount, in the current task
 * @fx: the mount; its names are dropped
 *
 * May sleep, and for ever: for the fixture's task.
 */
void cifs_kunit_umount(struct cifs_fixture *fx)
{
	unsigned long gone;

	while (fx->nr_names)
		dput(fx->names[--fx->nr_names]);
	umounting = fx;
	if (fx->before)
		fx->before(fx);
	deactivate_super(fx->sb);
	/* an open file may pin it */
	gone = wait_for_completion_timeout(&fx->gone,
					   msecs_to_jiffies(CIFS_KUNIT_PATIENCE));
	umounting = NULL;
	if (!gone) {
		KUNIT_FAIL(fx->test, "the superblock is not let go");
		fx->given_up = true;
		return;
	}
	WRITE_ONCE(fx->umounted, true);
	/* of the inodes, and of cifs_sb */
	rcu_barrier();
}

static void umount(struct cifs_kunit_task *self)
{
	cifs_kunit_umount(cifs_kunit_task_fixture(self));
}

static void settle(struct cifs_fixture *fx)
{
	if (cifs_kunit_deferred_wq())
		cifs_kunit_flush(fx, cifs_kunit_deferred_wq());
	cifs_kunit_flush(fx, cifsoplockd_wq);
	cifs_kunit_flush(fx, cifsiod_wq);
	if (cifs_kunit_serverclose_wq())
		cifs_kunit_flush(fx, cifs_kunit_serverclose_wq());
	if (cifs_kunit_put_wq())
		cifs_kunit_flush(fx, cifs_kunit_put_wq());
}

/**
 * cifs_kunit_umount_start() - have a task unmount
 * @fx: the mount; its names are dropped
 * @before: called in that task, which does not sleep between that and
 *	    cifs_kill_sb() unless @before does; may be NULL
 *
 * cifs_kunit_umount_end() must follow. May sleep.
 */
void cifs_kunit_umount_start(struct cifs_fixture *fx,
			     void (*before)(struct cifs_fixture *fx))
{
	fx->before = before;
	cifs_kunit_set_out(fx, "umount", umount);
}

/**
 * cifs_kunit_umount_end() - wait for the umount, and account for everything
 * @fx: the mount; its superblock is gone afterwards
 *
 * What still held a dentry when the superblock went, and what is done for it
 * afterwards, fails the case. So does an umount that does not come back. May
 * sleep.
 */
void cifs_kunit_umount_end(struct cifs_fixture *fx)
{
	if (cifs_kunit_is_back(fx))
		cifs_kunit_expect_umounted(fx);
}

/**
 * cifs_kunit_expect_umounted() - account for everything after an umount
 * @fx: the mount; its superblock is gone
 *
 * As cifs_kunit_umount_end(), of an umount that has come back. May sleep.
 */
void cifs_kunit_expect_umounted(struct cifs_fixture *fx)
{
	KUNIT_EXPECT_EQ_MSG(fx->test, fx->busy, 0,
			    "still in use when cifs_kill_sb() let the dentries go");
	settle(fx);
	cifs_kunit_shrink_inode_cache();
	KUNIT_EXPECT_EQ_MSG(fx->test, fx->late, 0,
			    "calls and frees for a mount that was gone");
}

static void free_fixture(struct cifs_fixture *fx)
{
	struct cifs_kunit_file *file, *next_file;
	struct cifs_kunit_watch *watch, *next_watch;

	if (fx->tcon) {
		cifs_kunit_free_tcon(fx->tcon);
		KUNIT_EXPECT_EQ(fx->test, atomic_read(&tconInfoAllocCount),
				fx->nr_tcons);
	}
	sesInfoFree(fx->ses);
	list_for_each_entry_safe(file, next_file, &fx->files, list)
		kfree(file);
	list_for_each_entry_safe(watch, next_watch, &fx->watches, list)
		kfree(watch);
	kfree(fx);
}

/**
 * cifs_fixture_exit() - account for everything, and umount; for
 *			 kunit_suite.exit
 * @test: the case
 *
 * Whatever is still open or queued is a failure, and is then put away, so
 * that the next case starts from nothing. May sleep.
 */
void cifs_fixture_exit(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;

	if (!fx)
		return;
	/* the next parameter has the same struct kunit, and may get no mount */
	test->priv = NULL;
	expect_closed(fx);
	RCU_INIT_POINTER(noted, NULL);
	synchronize_rcu();
	if (fx->sb && !fx->given_up && !fx->umounted) {
		expect_balanced(fx);
		if (comes_back(fx, "umount", umount))
			cifs_kunit_shrink_inode_cache();
	}
	if (fx->given_up)
		return;
	if (fx->umounted)
		KUNIT_EXPECT_EQ(test, fx->tcon->tc_count, 1);
	free_fixture(fx);
}

/**
 * cifs_kunit_create() - make a regular file of one page
 * @fx: the mount
 * @name: its name in the root
 *
 * The fixture keeps the reference until the umount. May sleep.
 *
 * Return: the dentry; a failure ends the case.
 */
struct dentry *cifs_kunit_create(struct cifs_fixture *fx, const char *name)
{
	struct inode *inode = make_inode(fx, S_IFREG | 0644);
	struct dentry *dentry;

	KUNIT_ASSERT_LT(fx->test, fx->nr_names, ARRAY_SIZE(fx->names));
	KUNIT_ASSERT_NOT_NULL(fx->test, inode);
	dentry = d_alloc_name(fx->sb->s_root, name);
	if (!dentry)
		iput(inode);
	KUNIT_ASSERT_NOT_NULL(fx->test, dentry);
	d_add(dentry, inode);
	fx->names[fx->nr_names++] = dentry;
	return dentry;
}

/**
 * cifs_kunit_try_open() - open a file through the real cifs_new_fileinfo()
 * @fx: the mount
 * @dentry: the file
 * @f_flags: O_RDONLY, O_WRONLY or O_RDWR, and what else open(2) takes
 *
 * May sleep. For tasks of a scenario, which must not end the case.
 *
 * Return: the open file, or NULL for want of memory.
 */
struct cifs_kunit_file *cifs_kunit_try_open(struct cifs_fixture *fx,
					    struct dentry *dentry,
					    unsigned int f_flags)
{
	struct cifs_kunit_file *file;
	struct cifs_fid fid = {};
	unsigned long flags;

	file = kzalloc(sizeof(*file), GFP_KERNEL);
	if (!file)
		return NULL;
	file->dentry = dentry;
	file->inode = d_inode(dentry);
	file->fid = atomic_inc_return(&fx->last_fid);
	cifs_kunit_set_dentry(&file->filp, dentry);
	file->filp.f_inode = file->inode;
	file->filp.f_mapping = file->inode->i_mapping;
	file->filp.f_flags = f_flags | O_NOATIME;
	file->filp.f_mode = OPEN_FMODE(f_flags);
	spin_lock_init(&file->filp.f_lock);

	fid.persistent_fid = file->fid;
	fid.volatile_fid = file->fid;
	cifs_add_pending_open(&fid, fx->tlink, &file->pending);
	/* the server grants what it has granted before */
	file->cfile = cifs_kunit_new_fileinfo(&fid, &file->filp, fx->tlink,
					      CIFS_I(file->inode)->oplock,
					      fx->symlink_target);
	if (!file->cfile) {
		cifs_del_pending_open(&file->pending);
		kfree(file);
		return NULL;
	}

	raw_spin_lock_irqsave(&fx->lock, flags);
	list_add_tail(&file->list, &fx->files);
	raw_spin_unlock_irqrestore(&fx->lock, flags);
	return file;
}

/**
 * cifs_kunit_open() - cifs_kunit_try_open() that does not fail
 * @fx: the mount
 * @dentry: the file
 * @f_flags: as in cifs_kunit_try_open()
 *
 * May sleep.
 *
 * Return: the open file; a failure ends the case.
 */
struct cifs_kunit_file *cifs_kunit_open(struct cifs_fixture *fx,
					struct dentry *dentry,
					unsigned int f_flags)
{
	struct cifs_kunit_file *file = cifs_kunit_try_open(fx, dentry, f_flags);

	KUNIT_ASSERT_NOT_NULL(fx->test, file);
	return file;
}

/**
 * cifs_kunit_drop() - drop a reference that is not the last one
 * @file: the open file
 *
 * As the last user of a file does that the client itself still holds, but
 * with no more locks than needed: lockdep is to see those of the last put.
 */
void cifs_kunit_drop(struct cifs_kunit_file *file)
{
	spin_lock(&file->cfile->file_info_lock);
	file->cfile->count--;
	spin_unlock(&file->cfile->file_info_lock);
}

/**
 * cifs_kunit_write_page() - write page 0 through the client
 * @file: the open file; the inode has a write oplock, or gets it
 *
 * Takes i_rwsem, lock_sem for reading and the page. May sleep.
 *
 * Return: PAGE_SIZE, or a negative errno.
 */
ssize_t cifs_kunit_write_page(struct cifs_kunit_file *file)
{
	struct kvec kvec = { .iov_len = PAGE_SIZE };
	struct kiocb iocb;
	struct iov_iter iter;
	ssize_t rc;

	kvec.iov_base = (void *)get_zeroed_page(GFP_KERNEL);
	if (!kvec.iov_base)
		return -ENOMEM;
	CIFS_I(file->inode)->oplock = CIFS_CACHE_RHW_FLG;
	init_sync_kiocb(&iocb, &file->filp);
	iov_iter_kvec(&iter, WRITE, &kvec, 1, PAGE_SIZE);
	rc = cifs_strict_writev(&iocb, &iter);
	free_page((unsigned long)kvec.iov_base);
	return rc;
}

/**
 * cifs_kunit_break_oplock() - have the server break the oplock of a file
 * @fx: the mount
 * @file: the open file
 *
 * As smb2_is_valid_oplock_break() does it. The break is acknowledged when
 * CIFS_INODE_PENDING_OPLOCK_BREAK is clear again.
 *
 * Return: whether the client has the file open.
 */
bool cifs_kunit_break_oplock(struct cifs_fixture *fx,
			     struct cifs_kunit_file *file)
{
	struct cifsFileInfo *cfile;
	bool found = false;

	spin_lock(&cifs_tcp_ses_lock);
	spin_lock(&fx->tcon->open_file_lock);
	list_for_each_entry(cfile, &fx->tcon->openFileList, tlist) {
		if (cfile->fid.volatile_fid != file->fid)
			continue;
		found = true;
		set_bit(CIFS_INODE_PENDING_OPLOCK_BREAK,
			&CIFS_I(file->inode)->flags);
		cifs_queue_oplock_break(cfile);
		break;
	}
	spin_unlock(&fx->tcon->open_file_lock);
	spin_unlock(&cifs_tcp_ses_lock);
	return found;
}

/**
 * cifs_kunit_defer_close() - close a file the server handle of which is kept
 * @fx: the mount
 * @file: the open file
 * @delay_ms: how long the handle is kept
 *
 * Through cifs_close(), with the lease that makes it do so. May sleep.
 */
void cifs_kunit_defer_close(struct cifs_fixture *fx,
			    struct cifs_kunit_file *file, unsigned int delay_ms)
{
	cifs_kunit_keep_handles(file->inode, msecs_to_jiffies(delay_ms));
	cifs_close(file->inode, &file->filp);
}

/**
 * cifs_kunit_watch() - expect that an object is freed before the case ends
 * @fx: the mount
 * @ptr: the object, from kmalloc()
 * @what: what to call it
 *
 * Return: the watch; a failure to make it ends the case.
 */
struct cifs_kunit_watch *cifs_kunit_watch(struct cifs_fixture *fx,
					  const void *ptr, const char *what)
{
	struct cifs_kunit_watch *watch;
	unsigned long flags;

	watch = kzalloc(sizeof(*watch), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(fx->test, watch);
	watch->ptr = ptr;
	watch->what = what;
	raw_spin_lock_irqsave(&fx->lock, flags);
	list_add_tail(&watch->list, &fx->watches);
	raw_spin_unlock_irqrestore(&fx->lock, flags);
	return watch;
}

/* What happened. */

/**
 * cifs_kunit_event() - look up what was recorded
 * @fx: the mount
 * @op: which kind
 * @n: which of that kind, from 0
 *
 * Return: the event, or NULL if there were not that many.
 */
const struct cifs_kunit_event *cifs_kunit_event(struct cifs_fixture *fx,
						enum cifs_kunit_op op,
						unsigned int n)
{
	const struct cifs_kunit_event *found = NULL;
	unsigned int i, nr;
	unsigned long flags;

	raw_spin_lock_irqsave(&fx->lock, flags);
	nr = min_t(unsigned int, fx->nr_events, CIFS_KUNIT_EVENTS);
	for (i = 0; i < nr && !found; i++) {
		if (fx->events[i].op == op && !n--)
			found = &fx->events[i];
	}
	raw_spin_unlock_irqrestore(&fx->lock, flags);
	return found;
}

/**
 * cifs_kunit_count() - count what was recorded
 * @fx: the mount
 * @op: which kind
 *
 * Return: how many of that kind.
 */
unsigned int cifs_kunit_count(struct cifs_fixture *fx, enum cifs_kunit_op op)
{
	unsigned int n = 0;

	while (cifs_kunit_event(fx, op, n))
		n++;
	return n;
}

/**
 * cifs_kunit_is_freed() - whether something was part of an open file that is
 *			   no more
 * @fx: the mount
 * @ptr: the something
 *
 * Return: whether it was, and nothing else is there now.
 */
bool cifs_kunit_is_freed(struct cifs_fixture *fx, const void *ptr)
{
	struct cifs_kunit_file *file;
	bool freed = false;

	list_for_each_entry(file, &fx->files, list) {
		if (ptr >= (void *)file->cfile && ptr < (void *)(file->cfile + 1))
			freed = file->freed;
	}
	return freed;
}

/**
 * cifs_kunit_wait_freed() - wait for the end of an open file, not for ever
 * @file: the file
 *
 * May sleep.
 *
 * Return: whether its cfile went to kfree().
 */
bool cifs_kunit_wait_freed(struct cifs_kunit_file *file)
{
	return cifs_kunit_poll(READ_ONCE(file->freed));
}

static void flush(struct cifs_kunit_task *self)
{
	flush_workqueue(self->data);
}

/**
 * cifs_kunit_flush() - flush_workqueue(), not for ever
 * @fx: the mount
 * @wq: the queue
 *
 * A queue that does not come to its end fails the case. May sleep.
 */
void cifs_kunit_flush(struct cifs_fixture *fx, struct workqueue_struct *wq)
{
	fx->task.data = wq;
	comes_back(fx, "flush_workqueue()", flush);
}

/**
 * cifs_kunit_expect_here() - expect that it was done by the current task
 * @test: the case
 * @ev: the event, or NULL if there was none
 */
void cifs_kunit_expect_here(struct kunit *test,
			    const struct cifs_kunit_event *ev)
{
	KUNIT_EXPECT_NOT_NULL(test, ev);
	if (ev)
		KUNIT_EXPECT_PTR_EQ_MSG(test, ev->task, current,
					"done in a worker of \"%s\"", ev->queue);
}

/**
 * cifs_kunit_expect_queue() - expect that it was done in a worker of a queue,
 *			       which held no lock but the queue's own
 * @test: the case
 * @ev: the event, or NULL if there was none
 * @queue: the name given to alloc_workqueue()
 */
void cifs_kunit_expect_queue(struct kunit *test,
			     const struct cifs_kunit_event *ev,
			     const char *queue)
{
	unsigned int i;

	KUNIT_EXPECT_NOT_NULL(test, ev);
	if (!ev)
		return;
	KUNIT_EXPECT_TRUE(test, ev->worker);
	KUNIT_EXPECT_STREQ(test, ev->queue, queue);
	KUNIT_EXPECT_LE(test, ev->nr_locks, CIFS_KUNIT_LOCKS);
	for (i = 0; i < min_t(unsigned int, ev->nr_locks, CIFS_KUNIT_LOCKS); i++)
		KUNIT_EXPECT_TRUE_MSG(test, is_work_map(ev->locks[i]),
				      "worker holds %s", ev->locks[i]);
}

/* Tasks. */

static int task_main(void *data)
{
	struct cifs_kunit_task *self = data;

	self->run(self);
	complete_all(&self->done);
	return 0;
}

/**
 * cifs_kunit_task_start() - start a task of a scenario
 * @test: the case; no assertion may end it before the task is joined
 * @task: @name and @run are set
 *
 * May sleep.
 */
void cifs_kunit_task_start(struct kunit *test, struct cifs_kunit_task *task)
{
	init_completion(&task->done);
	task->task = kthread_create(task_main, task, "%s", task->name);
	if (IS_ERR(task->task)) {
		KUNIT_FAIL(test, "no kthread for %s", task->name);
		task->task = NULL;
		complete_all(&task->done);
		return;
	}
	get_task_struct(task->task);
	wake_up_process(task->task);
}

/**
 * cifs_kunit_task_join() - wait for a task, not for ever
 * @task: the task; may be joined again if it has not finished
 *
 * May sleep.
 *
 * Return: whether it has finished within CIFS_KUNIT_PATIENCE.
 */
bool cifs_kunit_task_join(struct cifs_kunit_task *task)
{
	if (!wait_for_completion_timeout(&task->done,
					 msecs_to_jiffies(CIFS_KUNIT_PATIENCE)))
		return false;
	if (!IS_ERR_OR_NULL(task->task))
		put_task_struct(task->task);
	task->task = NULL;
	return true;
}

/**
 * cifs_kunit_task_asleep() - whether a task waits for something
 * @task: the task; may have failed to start
 *
 * Return: true if it sleeps; false if it runs, is about to, or has ended.
 */
bool cifs_kunit_task_asleep(const struct cifs_kunit_task *task)
{
	return task->task && cifs_kunit_task_state(task->task) & TASK_NORMAL;
}

/**
 * cifs_kunit_task_untangled() - join a task that nothing blocks any more
 * @task: the task; may have been joined already
 *
 * If even so it does not finish, there is no way on: it would use what the
 * case is about to free. Better to end the run here, with the report so far,
 * than to have later cases fail for it. May sleep.
 */
void cifs_kunit_task_untangled(struct cifs_kunit_task *task)
{
	if (!cifs_kunit_task_join(task))
		panic("cifs KUnit: task %s cannot be untangled", task->name);
}

#define STACK_DEPTH	16

/**
 * cifs_kunit_task_report() - tell what a task holds, and what it waits for
 * @test: the case
 * @task: the task
 *
 * One line as in a table, and the stack of a task that has not finished, down
 * to what the scenario has it do.
 */
void cifs_kunit_task_report(struct kunit *test, struct cifs_kunit_task *task)
{
	unsigned long stack[STACK_DEPTH];
	unsigned int i, depth, top = 0;

	if (!task->task || completion_done(&task->done)) {
		kunit_info(test, "%-10s finished", task->name);
		return;
	}
	kunit_info(test, "%-10s holds %s; waits for %s, in:", task->name,
		   task->holds ?: "nothing", task->waits_for ?: "?");
	depth = stack_trace_save_tsk(task->task, stack, STACK_DEPTH, 0);
	for (i = 0; i < depth; i++) {
		if (in_sched_functions(stack[i]))
			top = i + 1;
	}
	for (i = top; i < depth; i++) {
		unsigned long size, offset;

		kunit_info(test, "    %ps", (void *)stack[i]);
		if (kallsyms_lookup_size_offset(stack[i], &size, &offset) &&
		    stack[i] - offset == (unsigned long)task->run)
			break;
	}
}
