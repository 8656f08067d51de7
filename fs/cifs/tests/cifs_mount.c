// SPDX-License-Identifier: GPL-2.0
/*
 * Mounts of the client for KUnit, see cifs_mount.h.
 *
 * No operation runs in the case's own thread, as it may never end: it runs in
 * a task, for which the case waits with a time limit. A task that exceeds it is
 * reported with all that the client waits for, and its connection is cut, so
 * that the run goes on.
 */
#include <linux/cred.h>
#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/fadvise.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs_context.h>
#include <linux/if.h>
#include <linux/kernel.h>
#include <linux/key.h>
#include <linux/kmsg_dump.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/moduleparam.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/sched/debug.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>
#ifdef CONFIG_UML
#include <linux/time-internal.h>
#endif
#include "cifs_mount.h"
#include "cifsfs.h"
#include "cifsglob.h"

/* How long an operation may take, in ms: longer than a reconnect. */
#define TIME_LIMIT	60000
/* And once its connection is cut, and once it has been killed. */
#define TIME_LIMIT_CUT	30000
#define TIME_LIMIT_KILL	10000

#define STACK_DEPTH	48

struct open_file {
	struct list_head list;
	struct file *file;
	struct cifs_mnt_task *task;
};

/* The case that left tasks behind, or lost lockdep. */
static char spoilt_by[CIFS_MNT_NAME];

static unsigned int nr_cases;
static unsigned int skip;
module_param(skip, uint, 0);
MODULE_PARM_DESC(skip, "mount cases to skip first, those that an earlier boot ran");

/* Tasks. */

static long run(struct cifs_mnt_task *task)
{
	long rc;

	current->fail_nth = task->fail_nth;
	rc = task->fn(task->arg);
	task->fail_nth = current->fail_nth;
	current->fail_nth = 0;
	return rc;
}

static int task_main(void *data)
{
	struct cifs_mnt_task *task = data;

	ksys_unshare(CLONE_FILES | CLONE_FS);
	allow_signal(SIGKILL);
	for (;;) {
		wait_event_idle(task->wake, READ_ONCE(task->fn) || kthread_should_stop());
		if (!task->fn)
			return 0;
		task->rc = run(task);
		flush_signals(current);
		task->fn = NULL;
		complete_all(&task->done);
	}
}

/**
 * cifs_mnt_task() - start a user
 * @test: the case
 * @name: its name, in reports and of the kthread
 *
 * It ends with the case. May sleep, and may end the case.
 *
 * Return: the user.
 */
struct cifs_mnt_task *cifs_mnt_task(struct kunit *test, const char *name)
{
	struct cifs_mnt_fixture *fx = test->priv;
	struct cifs_mnt_task *task = kzalloc(sizeof(*task), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, task);
	task->fx = fx;
	strscpy(task->name, name, sizeof(task->name));
	init_waitqueue_head(&task->wake);
	init_completion(&task->done);
	complete_all(&task->done);
	list_add_tail(&task->list, &fx->tasks);
	task->task = kthread_run(task_main, task, "%s", name);
	if (IS_ERR(task->task)) {
		task->task = NULL;
		KUNIT_ASSERT_TRUE_MSG(test, false, "no kthread for %s", name);
	}
	return task;
}

/**
 * cifs_mnt_busy() - whether an operation is under way
 * @task: the task
 *
 * Return: true if so, or if one never ended.
 */
bool cifs_mnt_busy(const struct cifs_mnt_task *task)
{
	return !completion_done((struct completion *)&task->done);
}

/**
 * cifs_mnt_start() - start an operation in a task
 * @task: an idle task, else the case ends
 * @fn: the operation; runs in process context and may sleep
 * @arg: its argument; must live until the task is idle, even if the case ends
 *	 before
 */
void cifs_mnt_start(struct cifs_mnt_task *task, long (*fn)(void *arg), void *arg)
{
	KUNIT_ASSERT_FALSE_MSG(task->fx->test, cifs_mnt_busy(task),
			       "%s is still in %ps", task->name, task->last);
	reinit_completion(&task->done);
	task->arg = arg;
	task->last = fn;
	task->rc = -EINPROGRESS;
	WRITE_ONCE(task->fn, fn);
	wake_up(&task->wake);
}

static bool wait_task(struct cifs_mnt_task *task, unsigned int ms)
{
	return wait_for_completion_timeout(&task->done, msecs_to_jiffies(ms));
}

static bool wait_all(struct cifs_mnt_fixture *fx, unsigned int ms)
{
	struct cifs_mnt_task *task;

	list_for_each_entry(task, &fx->tasks, list) {
		if (!wait_task(task, ms))
			return false;
	}
	return true;
}

/* Symbols are compared without suffixes of the compiler, as in .isra.0. */
static bool is_function(unsigned long address, const char *name)
{
	char symbol[KSYM_NAME_LEN];

	snprintf(symbol, sizeof(symbol), "%ps", (void *)address);
	symbol[strcspn(symbol, ".")] = '\0';
	return !strcmp(symbol, name);
}

static bool is_client(unsigned long address)
{
	char symbol[KSYM_NAME_LEN];

	snprintf(symbol, sizeof(symbol), "%ps", (void *)address);
	return !strncasecmp(symbol, "cifs", 4) || !strncasecmp(symbol, "smb", 3);
}

/* Without the scheduler, and without what is below the task's operation. */
static void report_task(struct kunit *test, struct task_struct *task,
			const unsigned long *stack, unsigned int depth)
{
	unsigned int i = 0;

	kunit_info(test, "%s:%d sleeps in:", task->comm, task->pid);
	while (i < depth && (in_sched_functions(stack[i]) || is_function(stack[i], "__switch_to")))
		i++;
	for (; i < depth && !is_function(stack[i], "task_main"); i++)
		kunit_info(test, "    %pS", (void *)stack[i]);
	debug_show_held_locks(task);
}

/* Whatever waits in the client without being a task of the case. */
static void report_client(struct cifs_mnt_fixture *fx)
{
	unsigned long stack[STACK_DEPTH];
	struct task_struct *process, *thread;
	unsigned int i, depth;

	rcu_read_lock();
	for_each_process_thread(process, thread) {
		struct cifs_mnt_task *task;
		bool ours = thread == current;

		list_for_each_entry(task, &fx->tasks, list)
			ours |= thread == task->task;
		if (ours || task_state_to_char(thread) != 'D')
			continue;
		depth = stack_trace_save_tsk(thread, stack, ARRAY_SIZE(stack), 0);
		for (i = 0; i < depth && !is_client(stack[i]); i++)
			;
		if (i == depth)
			continue;
		report_task(fx->test, thread, stack, depth);
	}
	rcu_read_unlock();
}

static void report_hang(struct cifs_mnt_fixture *fx)
{
	unsigned long stack[STACK_DEPTH];
	struct cifs_mnt_task *task;
	unsigned int depth;

	list_for_each_entry(task, &fx->tasks, list) {
		if (!cifs_mnt_busy(task))
			continue;
		KUNIT_FAIL(fx->test, "%s: %ps has not ended after %u s",
			   task->name, task->last, TIME_LIMIT / 1000);
		depth = stack_trace_save_tsk(task->task, stack, ARRAY_SIZE(stack), 0);
		report_task(fx->test, task->task, stack, depth);
	}
	report_client(fx);
}

/* Takes from the tasks all that they may wait for. */
static void break_hang(struct cifs_mnt_fixture *fx)
{
	struct cifs_mnt_task *task;
	unsigned int i;

	fx->hung = true;
	report_hang(fx);
	for (i = 0; i < fx->nr_srv; i++) {
		cifs_srv_print_log(fx->srv[i]);
		cifs_srv_clear_rules(fx->srv[i]);
		cifs_srv_refuse(fx->srv[i], true);
		cifs_srv_release(fx->srv[i], CIFS_SRV_ANY);
		cifs_srv_cut(fx->srv[i]);
	}
	if (wait_all(fx, TIME_LIMIT_CUT))
		return;
	list_for_each_entry(task, &fx->tasks, list)
		cifs_mnt_kill(task);
	if (wait_all(fx, TIME_LIMIT_KILL))
		return;
	list_for_each_entry(task, &fx->tasks, list) {
		task->abandoned = cifs_mnt_busy(task);
		if (task->abandoned)
			kunit_err(fx->test, "%s: %ps cannot be ended\n",
				  task->name, task->last);
	}
	fx->abandoned = true;
}

/**
 * cifs_mnt_wait() - wait until a task is idle, 60 s at most
 * @task: the task
 *
 * If it does not become idle, fail the case, report each task that waits in
 * the client, release all requests, cut the connections and refuse new ones,
 * and at last kill the tasks. May sleep.
 *
 * Return: whether it became idle in time.
 */
bool cifs_mnt_wait(struct cifs_mnt_task *task)
{
	if (task->abandoned)
		return false;
	if (wait_task(task, TIME_LIMIT))
		return true;
	break_hang(task->fx);
	return false;
}

/**
 * cifs_mnt_finish() - wait for the result of an operation
 * @task: the task
 *
 * As cifs_mnt_wait(), but end the case if the task does not become idle. May
 * sleep.
 *
 * Return: what the operation returned.
 */
long cifs_mnt_finish(struct cifs_mnt_task *task)
{
	bool finished = cifs_mnt_wait(task);

	KUNIT_ASSERT_TRUE_MSG(task->fx->test, finished, "%s: %ps hung",
			      task->name, task->last);
	return task->rc;
}

static bool sleeps_in(struct task_struct *task, const char *function)
{
	unsigned long stack[STACK_DEPTH];
	unsigned long switches = READ_ONCE(task->nvcsw);
	unsigned int i, depth;

	if (task_is_running(task))
		return false;
	depth = stack_trace_save_tsk(task, stack, ARRAY_SIZE(stack), 0);
	if (task_is_running(task) || switches != READ_ONCE(task->nvcsw))
		return false;
	for (i = 0; i < depth; i++) {
		if (is_function(stack[i], function))
			return true;
	}
	return false;
}

/**
 * cifs_mnt_wait_asleep() - wait until a task sleeps in a function, 60 s at most
 * @task: the task
 * @function: a function of its stack; must not have been inlined
 *
 * May sleep.
 *
 * Return: true once it sleeps there, false if it became idle before, or if the
 * time is up, which fails the case.
 */
bool cifs_mnt_wait_asleep(struct cifs_mnt_task *task, const char *function)
{
	unsigned long end = jiffies + msecs_to_jiffies(TIME_LIMIT);
	unsigned int ms = 1;

	while (cifs_mnt_busy(task)) {
		if (sleeps_in(task->task, function))
			return true;
		if (time_after(jiffies, end)) {
			KUNIT_FAIL(task->fx->test, "%s does not sleep in %s",
				   task->name, function);
			report_hang(task->fx);
			return false;
		}
		msleep(ms);
		ms = min(2 * ms, 500U);
	}
	return false;
}

/**
 * cifs_mnt_kill() - kill -9: end killable waits of the operation under way
 * @task: the task
 *
 * The task itself goes on, and can be used once it is idle.
 */
void cifs_mnt_kill(struct cifs_mnt_task *task)
{
	if (task->task && cifs_mnt_busy(task))
		send_sig(SIGKILL, task->task, 1);
}

/* Operations. */

static struct cifs_mnt_op *new_op(struct cifs_mnt_task *task)
{
	KUNIT_ASSERT_FALSE_MSG(task->fx->test, cifs_mnt_busy(task),
			       "%s is still in %ps", task->name, task->last);
	kfree(task->op.buf);
	memset(&task->op, 0, sizeof(task->op));
	return &task->op;
}

static struct cifs_mnt_op *new_path_op(struct cifs_mnt_task *task,
				       struct cifs_mnt *m, const char *name)
{
	struct cifs_mnt_op *op = new_op(task);

	KUNIT_ASSERT_NOT_NULL_MSG(task->fx->test, m->mnt, "not mounted");
	op->m = m;
	strscpy(op->name, name, sizeof(op->name));
	return op;
}

static struct cifs_mnt_op *new_data_op(struct cifs_mnt_task *task, loff_t pos,
				       const void *data, size_t len)
{
	struct cifs_mnt_op *op = new_op(task);

	op->pos = pos;
	op->len = len;
	op->buf = kzalloc(len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(task->fx->test, op->buf);
	if (data)
		memcpy(op->buf, data, len);
	return op;
}

static struct cifs_mnt_task *task_of(struct cifs_mnt_op *op)
{
	return container_of(op, struct cifs_mnt_task, op);
}

static long op_become(void *arg)
{
	const key_perm_t perm = KEY_POS_ALL | KEY_USR_ALL;
	struct cifs_mnt_op *op = arg;
	struct cred *cred = prepare_creds();
	struct key *keyring;
	key_ref_t key;

	if (!cred)
		return -ENOMEM;
	cred->fsuid = make_kuid(&init_user_ns, op->flags);
	keyring = keyring_alloc("_ses", cred->fsuid, cred->fsgid, cred, perm,
				KEY_ALLOC_NOT_IN_QUOTA, NULL, NULL);
	if (IS_ERR(keyring)) {
		abort_creds(cred);
		return PTR_ERR(keyring);
	}
	key_put(cred->session_keyring);
	cred->session_keyring = keyring;
	commit_creds(cred);
	if (!op->len)
		return 0;
	key = key_create_or_update(make_key_ref(keyring, true), "logon", "cifs:a:127.0.0.1",
				   op->buf, op->len, perm, KEY_ALLOC_NOT_IN_QUOTA);
	if (IS_ERR(key))
		return PTR_ERR(key);
	key_ref_put(key);
	return 0;
}

/**
 * cifs_mnt_become() - become another user, for mounts with the option multiuser
 * @task: the task
 * @uid: the user id
 * @login: "NAME:PASSWORD" at the server, as cifscreds(1) stores it; NULL: none
 *
 * May sleep, and may end the case.
 */
void cifs_mnt_become(struct cifs_mnt_task *task, uid_t uid, const char *login)
{
	new_data_op(task, 0, login, login ? strlen(login) : 0)->flags = uid;
	cifs_mnt_start(task, op_become, &task->op);
	KUNIT_ASSERT_EQ(task->fx->test, cifs_mnt_finish(task), 0L);
}

static char *mount_options(struct cifs_mnt *m, const char *options)
{
	return kasprintf(GFP_KERNEL, "ip=127.0.0.1,port=%u,username=user,password=secret%s%s",
			 cifs_srv_port(m->srv), options ? "," : "", options ?: "");
}

static long op_mount(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct vfsmount *mnt;
	char name[32];

	snprintf(name, sizeof(name), "//127.0.0.1/%s", cifs_srv_share(op->m->srv));
	mnt = vfs_kern_mount(&cifs_fs_type, SB_KERNMOUNT, name, op->buf);
	if (IS_ERR(mnt))
		return PTR_ERR(mnt);
	op->m->mnt = mnt;
	return 0;
}

/**
 * cifs_mnt_start_mount() - start to mount
 * @task: the task
 * @m: from cifs_mnt_alloc(), not mounted
 * @options: options as for mount(8), apart from address, port and user, or NULL
 *
 * @m->mnt is set in the end. May sleep, and may end the case.
 */
void cifs_mnt_start_mount(struct cifs_mnt_task *task, struct cifs_mnt *m,
			  const char *options)
{
	struct cifs_mnt_op *op = new_op(task);

	op->m = m;
	op->buf = mount_options(m, options);
	KUNIT_ASSERT_NOT_NULL(task->fx->test, op->buf);
	cifs_mnt_start(task, op_mount, op);
}

/* mount(2) with MS_REMOUNT, as far as it is the client's. */
static long op_remount(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct dentry *root = op->m->mnt->mnt_root;
	struct fs_context *fc = fs_context_for_reconfigure(root, 0, 0);
	int rc;

	if (IS_ERR(fc))
		return PTR_ERR(fc);
	rc = fc->ops->parse_monolithic(fc, op->buf);
	if (!rc) {
		down_write(&root->d_sb->s_umount);
		rc = fc->ops->reconfigure(fc);
		up_write(&root->d_sb->s_umount);
	}
	put_fs_context(fc);
	return rc;
}

/**
 * cifs_mnt_start_remount() - start to change the options of a mount
 * @task: the task
 * @m: the mount
 * @options: all of them, see cifs_mnt_start_mount()
 *
 * May sleep, and may end the case.
 */
void cifs_mnt_start_remount(struct cifs_mnt_task *task, struct cifs_mnt *m,
			    const char *options)
{
	struct cifs_mnt_op *op = new_path_op(task, m, "");

	op->buf = mount_options(m, options);
	KUNIT_ASSERT_NOT_NULL(task->fx->test, op->buf);
	cifs_mnt_start(task, op_remount, op);
}

/* umount2(2), but that a busy mount is detached as with MNT_DETACH. */
static long op_umount(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct vfsmount *mnt = op->m->mnt;
	struct super_block *sb = mnt->mnt_sb;

	op->m->mnt = NULL;
	if (op->force && sb->s_op->umount_begin)
		sb->s_op->umount_begin(sb);
	kern_unmount(mnt);
	return 0;
}

/**
 * cifs_mnt_start_umount() - start to unmount
 * @task: the task
 * @m: the mount; with files open it is detached, and the superblock goes with
 *     the last of them
 * @force: as with MNT_FORCE
 *
 * May end the case.
 */
void cifs_mnt_start_umount(struct cifs_mnt_task *task, struct cifs_mnt *m,
			   bool force)
{
	new_path_op(task, m, "")->force = force;
	cifs_mnt_start(task, op_umount, &task->op);
}

static long op_open(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct cifs_mnt_fixture *fx = op->m->fx;
	struct path root = { .mnt = op->m->mnt, .dentry = op->m->mnt->mnt_root };
	struct open_file *open = kzalloc(sizeof(*open), GFP_KERNEL);
	struct file *file;

	if (!open)
		return -ENOMEM;
	file = file_open_root(&root, op->name, op->flags | O_LARGEFILE, 0644);
	if (IS_ERR(file)) {
		/* it may have been open for a moment */
		flush_delayed_fput();
		kfree(open);
		return PTR_ERR(file);
	}
	op->file = file;
	open->file = file;
	open->task = task_of(op);
	mutex_lock(&fx->lock);
	list_add_tail(&open->list, &fx->files);
	mutex_unlock(&fx->lock);
	return 0;
}

/**
 * cifs_mnt_start_open() - start to open a file
 * @task: the task
 * @m: the mount
 * @name: path below its root
 * @flags: as of open(2); mode is 0644
 *
 * @task->op.file is set if the result is 0. May end the case.
 */
void cifs_mnt_start_open(struct cifs_mnt_task *task, struct cifs_mnt *m,
			 const char *name, int flags)
{
	new_path_op(task, m, name)->flags = flags;
	cifs_mnt_start(task, op_open, &task->op);
}

/* close(2): the last put is this task's own, and not that of a work item. */
static long op_close(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct cifs_mnt_fixture *fx = task_of(op)->fx;
	struct open_file *open;
	int rc;

	mutex_lock(&fx->lock);
	list_for_each_entry(open, &fx->files, list) {
		if (open->file == op->file) {
			list_del(&open->list);
			kfree(open);
			break;
		}
	}
	mutex_unlock(&fx->lock);
	get_file(op->file);
	rc = filp_close(op->file, current->files);
	__fput_sync(op->file);
	return rc;
}

/**
 * cifs_mnt_start_close() - start to close a file
 * @task: the task; only its own POSIX locks are dropped
 * @file: the file
 *
 * ->release() has returned once the task is idle, unless the file is mapped.
 * May end the case.
 */
void cifs_mnt_start_close(struct cifs_mnt_task *task, struct file *file)
{
	new_op(task)->file = file;
	cifs_mnt_start(task, op_close, &task->op);
}

static long op_read(void *arg)
{
	struct cifs_mnt_op *op = arg;
	loff_t pos = op->pos;

	return kernel_read(op->file, op->buf, op->len, &pos);
}

/**
 * cifs_mnt_start_read() - start to read
 * @task: the task
 * @file: the file
 * @pos: offset in bytes
 * @len: bytes; they are in @task->op.buf in the end
 *
 * May sleep, and may end the case.
 */
void cifs_mnt_start_read(struct cifs_mnt_task *task, struct file *file,
			 loff_t pos, size_t len)
{
	new_data_op(task, pos, NULL, len)->file = file;
	cifs_mnt_start(task, op_read, &task->op);
}

static long op_write(void *arg)
{
	struct cifs_mnt_op *op = arg;
	loff_t pos = op->pos;

	return kernel_write(op->file, op->buf, op->len, &pos);
}

/**
 * cifs_mnt_start_write() - start to write
 * @task: the task
 * @file: the file
 * @pos: offset in bytes
 * @data: the data, which is copied
 * @len: bytes
 *
 * May sleep, and may end the case.
 */
void cifs_mnt_start_write(struct cifs_mnt_task *task, struct file *file,
			  loff_t pos, const void *data, size_t len)
{
	new_data_op(task, pos, data, len)->file = file;
	cifs_mnt_start(task, op_write, &task->op);
}

static long op_readahead(void *arg)
{
	struct cifs_mnt_op *op = arg;

	return vfs_fadvise(op->file, op->pos, op->len, POSIX_FADV_WILLNEED);
}

/**
 * cifs_mnt_start_readahead() - start to read ahead, and do not wait for data
 * @task: the task
 * @file: the file
 * @pos: offset in bytes
 * @len: bytes
 *
 * May end the case.
 */
void cifs_mnt_start_readahead(struct cifs_mnt_task *task, struct file *file,
			      loff_t pos, size_t len)
{
	struct cifs_mnt_op *op = new_op(task);

	op->file = file;
	op->pos = pos;
	op->len = len;
	cifs_mnt_start(task, op_readahead, op);
}

static long op_fsync(void *arg)
{
	struct cifs_mnt_op *op = arg;

	return vfs_fsync(op->file, 0);
}

/**
 * cifs_mnt_start_fsync() - start fsync(2)
 * @task: the task
 * @file: the file
 *
 * May end the case.
 */
void cifs_mnt_start_fsync(struct cifs_mnt_task *task, struct file *file)
{
	new_op(task)->file = file;
	cifs_mnt_start(task, op_fsync, &task->op);
}

/* fcntl_setlk() wants a descriptor, to see whether it is closed meanwhile. */
static long op_lock(void *arg)
{
	struct cifs_mnt_op *op = arg;
	int fd = get_unused_fd_flags(O_CLOEXEC);
	long rc;

	if (fd < 0)
		return fd;
	fd_install(fd, get_file(op->file));
	rc = fcntl_setlk(fd, op->file, op->flags, &op->lock);
	fput(file_close_fd(fd));
	return rc;
}

/**
 * cifs_mnt_start_lock() - start to lock or unlock a byte range, as fcntl(2)
 * @task: the task, which becomes the owner; must close the file, too
 * @file: the file
 * @cmd: F_SETLK or F_SETLKW
 * @type: F_RDLCK, F_WRLCK or F_UNLCK
 * @start: offset in bytes
 * @len: bytes, 0: to the end
 *
 * May end the case.
 */
void cifs_mnt_start_lock(struct cifs_mnt_task *task, struct file *file,
			 int cmd, short type, loff_t start, loff_t len)
{
	struct cifs_mnt_op *op = new_op(task);

	op->file = file;
	op->flags = cmd;
	op->lock.l_type = type;
	op->lock.l_whence = SEEK_SET;
	op->lock.l_start = start;
	op->lock.l_len = len;
	cifs_mnt_start(task, op_lock, op);
}

static long op_mmap(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct cifs_mnt_fixture *fx = task_of(op)->fx;
	struct cifs_mnt_map *map = kzalloc(sizeof(*map), GFP_KERNEL);

	if (!map)
		return -ENOMEM;
	map->mm = mm_alloc();
	if (!map->mm) {
		kfree(map);
		return -ENOMEM;
	}
	map->len = op->len;
	map->mm->task_size = TASK_SIZE;
	arch_pick_mmap_layout(map->mm, &current->signal->rlim[RLIMIT_STACK]);
	kthread_use_mm(map->mm);
	map->addr = vm_mmap(op->file, 0, op->len, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	kthread_unuse_mm(map->mm);
	if (IS_ERR_VALUE(map->addr)) {
		long rc = map->addr;

		mmput(map->mm);
		kfree(map);
		return rc;
	}
	op->map = map;
	mutex_lock(&fx->lock);
	list_add_tail(&map->list, &fx->maps);
	mutex_unlock(&fx->lock);
	return 0;
}

/**
 * cifs_mnt_start_mmap() - start to map the beginning of a file, shared
 * @task: the task
 * @file: the file, open for reading and writing
 * @len: bytes
 *
 * @task->op.map is set if the result is 0. May end the case.
 */
void cifs_mnt_start_mmap(struct cifs_mnt_task *task, struct file *file,
			 size_t len)
{
	struct cifs_mnt_op *op = new_op(task);

	op->file = file;
	op->len = len;
	cifs_mnt_start(task, op_mmap, op);
}

static long op_load(void *arg)
{
	struct cifs_mnt_op *op = arg;
	unsigned long left;

	kthread_use_mm(op->map->mm);
	left = copy_from_user(op->buf, (void __user *)(op->map->addr + op->pos), op->len);
	kthread_unuse_mm(op->map->mm);
	return left ? -EFAULT : 0;
}

/**
 * cifs_mnt_start_load() - start to read from a mapping
 * @task: the task
 * @map: the mapping
 * @pos: offset in bytes
 * @len: bytes; they are in @task->op.buf in the end
 *
 * The result is 0, or -EFAULT for what would be SIGSEGV or SIGBUS. May sleep,
 * and may end the case.
 */
void cifs_mnt_start_load(struct cifs_mnt_task *task, struct cifs_mnt_map *map,
			 loff_t pos, size_t len)
{
	new_data_op(task, pos, NULL, len)->map = map;
	cifs_mnt_start(task, op_load, &task->op);
}

static long op_store(void *arg)
{
	struct cifs_mnt_op *op = arg;
	unsigned long left;

	kthread_use_mm(op->map->mm);
	left = copy_to_user((void __user *)(op->map->addr + op->pos), op->buf, op->len);
	kthread_unuse_mm(op->map->mm);
	return left ? -EFAULT : 0;
}

/**
 * cifs_mnt_start_store() - start to write to a mapping
 * @task: the task
 * @map: the mapping
 * @pos: offset in bytes
 * @data: the data, which is copied
 * @len: bytes
 *
 * The result is that of cifs_mnt_start_load(). May sleep, and may end the case.
 */
void cifs_mnt_start_store(struct cifs_mnt_task *task, struct cifs_mnt_map *map,
			  loff_t pos, const void *data, size_t len)
{
	new_data_op(task, pos, data, len)->map = map;
	cifs_mnt_start(task, op_store, &task->op);
}

static long op_munmap(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct cifs_mnt_fixture *fx = task_of(op)->fx;

	mutex_lock(&fx->lock);
	list_del(&op->map->list);
	mutex_unlock(&fx->lock);
	kthread_use_mm(op->map->mm);
	vm_munmap(op->map->addr, op->map->len);
	kthread_unuse_mm(op->map->mm);
	mmput(op->map->mm);
	/* a kthread leaves the last put to a work item */
	flush_delayed_fput();
	kfree(op->map);
	return 0;
}

/**
 * cifs_mnt_start_munmap() - start munmap(2)
 * @task: the task
 * @map: the mapping, which is freed
 *
 * May end the case.
 */
void cifs_mnt_start_munmap(struct cifs_mnt_task *task, struct cifs_mnt_map *map)
{
	new_op(task)->map = map;
	cifs_mnt_start(task, op_munmap, &task->op);
}

/* The end of direct I/O dirties the page, whoever still maps it. */
static long op_munmap_in_io(void *arg)
{
	struct cifs_mnt_op *op = arg;
	unsigned long addr = op->map->addr + op->pos;
	struct page *page;
	long rc;

	kthread_use_mm(op->map->mm);
	rc = pin_user_pages_fast(addr, 1, FOLL_WRITE, &page);
	kthread_unuse_mm(op->map->mm);
	op_munmap(op);
	if (rc != 1)
		return rc < 0 ? rc : -EFAULT;
	memcpy(page_address(page) + offset_in_page(addr), op->buf, op->len);
	unpin_user_pages_dirty_lock(&page, 1, true);
	return 0;
}

/**
 * cifs_mnt_start_munmap_in_io() - start munmap(2) while I/O into a mapping is
 *	under way, as of a direct read from elsewhere, which ends after it
 * @task: the task
 * @map: the mapping, which is freed
 * @pos: offset in bytes
 * @data: what is read, which is copied
 * @len: bytes, within a page
 *
 * May sleep, and may end the case.
 */
void cifs_mnt_start_munmap_in_io(struct cifs_mnt_task *task, struct cifs_mnt_map *map,
				 loff_t pos, const void *data, size_t len)
{
	new_data_op(task, pos, data, len)->map = map;
	cifs_mnt_start(task, op_munmap_in_io, &task->op);
}

static int lookup(struct cifs_mnt_op *op, const char *name, struct path *path)
{
	return vfs_path_lookup(op->m->mnt->mnt_root, op->m->mnt, name, 0, path);
}

/* Looks up the directory of a name, and splits the last component off. */
static int lookup_parent(struct cifs_mnt_op *op, const char *name,
			 struct path *path, struct qstr *last)
{
	char parent[CIFS_MNT_NAME] = "";
	const char *slash = strrchr(name, '/');

	if (slash) {
		strscpy(parent, name, slash - name + 1);
		name = slash + 1;
	}
	*last = (struct qstr)QSTR_INIT(name, strlen(name));
	return lookup(op, parent, path);
}

static long op_stat(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct path path;
	long rc;

	rc = lookup(op, op->name, &path);
	if (rc)
		return rc;
	rc = vfs_getattr(&path, &op->stat, STATX_BASIC_STATS, AT_STATX_SYNC_AS_STAT);
	path_put(&path);
	return rc;
}

/**
 * cifs_mnt_start_stat() - start lstat(2)
 * @task: the task; the result is in @task->op.stat
 * @m: the mount
 * @name: path below its root, which itself is ""
 *
 * May end the case.
 */
void cifs_mnt_start_stat(struct cifs_mnt_task *task, struct cifs_mnt *m,
			 const char *name)
{
	new_path_op(task, m, name);
	cifs_mnt_start(task, op_stat, &task->op);
}

static long op_statfs(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct path root = { .mnt = op->m->mnt, .dentry = op->m->mnt->mnt_root };

	return vfs_statfs(&root, &op->statfs);
}

/**
 * cifs_mnt_start_statfs() - start statfs(2)
 * @task: the task; the result is in @task->op.statfs
 * @m: the mount
 *
 * May end the case.
 */
void cifs_mnt_start_statfs(struct cifs_mnt_task *task, struct cifs_mnt *m)
{
	new_path_op(task, m, "");
	cifs_mnt_start(task, op_statfs, &task->op);
}

static long op_truncate(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct path path;
	long rc;

	rc = lookup(op, op->name, &path);
	if (rc)
		return rc;
	rc = vfs_truncate(&path, op->len);
	path_put(&path);
	return rc;
}

/**
 * cifs_mnt_start_truncate() - start truncate(2)
 * @task: the task
 * @m: the mount
 * @name: path below its root
 * @size: new size in bytes
 *
 * May end the case.
 */
void cifs_mnt_start_truncate(struct cifs_mnt_task *task, struct cifs_mnt *m,
			     const char *name, loff_t size)
{
	new_path_op(task, m, name)->len = size;
	cifs_mnt_start(task, op_truncate, &task->op);
}

static long op_rename(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct path old_dir, new_dir;
	struct qstr old, new;
	struct renamedata rd = {};
	long rc;

	rc = lookup_parent(op, op->name, &old_dir, &old);
	if (rc)
		return rc;
	rc = lookup_parent(op, op->to, &new_dir, &new);
	if (rc)
		goto put_old;
	rc = mnt_want_write(old_dir.mnt);
	if (rc)
		goto put_new;
	rd.mnt_idmap = mnt_idmap(old_dir.mnt);
	rd.old_parent = old_dir.dentry;
	rd.new_parent = new_dir.dentry;
	rc = start_renaming(&rd, 0, &old, &new);
	if (rc)
		goto drop_write;
	rc = vfs_rename(&rd);
	end_renaming(&rd);
drop_write:
	mnt_drop_write(old_dir.mnt);
put_new:
	path_put(&new_dir);
put_old:
	path_put(&old_dir);
	return rc;
}

/**
 * cifs_mnt_start_rename() - start rename(2)
 * @task: the task
 * @m: the mount
 * @name: path below its root
 * @to: the new one
 *
 * May end the case.
 */
void cifs_mnt_start_rename(struct cifs_mnt_task *task, struct cifs_mnt *m,
			   const char *name, const char *to)
{
	struct cifs_mnt_op *op = new_path_op(task, m, name);

	strscpy(op->to, to, sizeof(op->to));
	cifs_mnt_start(task, op_rename, op);
}

static long op_mkdir(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct mnt_idmap *idmap = mnt_idmap(op->m->mnt);
	struct dentry *dentry;
	struct path dir;
	struct qstr last;
	long rc;

	rc = lookup_parent(op, op->name, &dir, &last);
	if (rc)
		return rc;
	rc = mnt_want_write(dir.mnt);
	if (rc)
		goto put_dir;
	dentry = start_creating(idmap, dir.dentry, &last);
	if (!IS_ERR(dentry)) {
		dentry = vfs_mkdir(idmap, d_inode(dir.dentry), dentry, 0755, NULL);
		end_creating(dentry);
	}
	rc = PTR_ERR_OR_ZERO(dentry);
	mnt_drop_write(dir.mnt);
put_dir:
	path_put(&dir);
	return rc;
}

/**
 * cifs_mnt_start_mkdir() - start mkdir(2)
 * @task: the task
 * @m: the mount
 * @name: path below its root; mode is 0755
 *
 * May end the case.
 */
void cifs_mnt_start_mkdir(struct cifs_mnt_task *task, struct cifs_mnt *m,
			  const char *name)
{
	new_path_op(task, m, name);
	cifs_mnt_start(task, op_mkdir, &task->op);
}

static long remove(struct cifs_mnt_op *op, bool directory)
{
	struct mnt_idmap *idmap = mnt_idmap(op->m->mnt);
	struct inode *inode = NULL;
	struct dentry *dentry;
	struct path dir;
	struct qstr last;
	long rc;

	rc = lookup_parent(op, op->name, &dir, &last);
	if (rc)
		return rc;
	rc = mnt_want_write(dir.mnt);
	if (rc)
		goto put_dir;
	dentry = start_removing(idmap, dir.dentry, &last);
	if (IS_ERR(dentry)) {
		rc = PTR_ERR(dentry);
		goto drop_write;
	}
	if (directory) {
		rc = vfs_rmdir(idmap, d_inode(dir.dentry), dentry, NULL);
	} else {
		/* its pages are truncated without the directory's lock */
		inode = d_inode(dentry);
		ihold(inode);
		rc = vfs_unlink(idmap, d_inode(dir.dentry), dentry, NULL);
	}
	end_removing(dentry);
	iput(inode);
drop_write:
	mnt_drop_write(dir.mnt);
put_dir:
	path_put(&dir);
	return rc;
}

static long op_unlink(void *arg)
{
	return remove(arg, false);
}

/**
 * cifs_mnt_start_unlink() - start unlink(2)
 * @task: the task
 * @m: the mount
 * @name: path below its root
 *
 * May end the case.
 */
void cifs_mnt_start_unlink(struct cifs_mnt_task *task, struct cifs_mnt *m,
			   const char *name)
{
	new_path_op(task, m, name);
	cifs_mnt_start(task, op_unlink, &task->op);
}

static long op_rmdir(void *arg)
{
	return remove(arg, true);
}

/**
 * cifs_mnt_start_rmdir() - start rmdir(2)
 * @task: the task
 * @m: the mount
 * @name: path below its root
 *
 * May end the case.
 */
void cifs_mnt_start_rmdir(struct cifs_mnt_task *task, struct cifs_mnt *m,
			  const char *name)
{
	new_path_op(task, m, name);
	cifs_mnt_start(task, op_rmdir, &task->op);
}

struct names {
	struct dir_context ctx;
	char *buf;
	size_t len;
	long n;
};

static bool add_name(struct dir_context *ctx, const char *name, int len,
		     loff_t offset, u64 ino, unsigned int type)
{
	struct names *names = container_of(ctx, struct names, ctx);

	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return true;
	if (names->len + len + 2 > PAGE_SIZE)
		return false;
	if (names->n++)
		names->buf[names->len++] = ' ';
	memcpy(names->buf + names->len, name, len);
	names->len += len;
	return true;
}

static long op_readdir(void *arg)
{
	struct cifs_mnt_op *op = arg;
	struct names names = { .ctx.actor = add_name, .buf = op->buf };
	struct path root = { .mnt = op->m->mnt, .dentry = op->m->mnt->mnt_root };
	struct file *dir;
	loff_t pos;
	long rc;

	dir = file_open_root(&root, op->name, O_RDONLY | O_DIRECTORY, 0);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	do {
		pos = names.ctx.pos;
		rc = iterate_dir(dir, &names.ctx);
	} while (!rc && names.ctx.pos != pos);
	__fput_sync(dir);
	return rc ?: names.n;
}

/**
 * cifs_mnt_start_readdir() - start to read all of a directory
 * @task: the task
 * @m: the mount
 * @name: path below its root, which itself is ""
 *
 * The result is how many names there are besides "." and ".."; they are in
 * @task->op.buf, in the server's order, with spaces between them. May sleep,
 * and may end the case.
 */
void cifs_mnt_start_readdir(struct cifs_mnt_task *task, struct cifs_mnt *m,
			    const char *name)
{
	struct cifs_mnt_op *op = new_path_op(task, m, name);

	op->buf = kzalloc(PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(task->fx->test, op->buf);
	cifs_mnt_start(task, op_readdir, op);
}

/* The same to the end. */

/**
 * cifs_mnt_alloc() - make a mount, without mounting it
 * @test: the case
 * @srv: its server
 *
 * It has a task of its own. May sleep, and may end the case.
 *
 * Return: the mount, which is freed with the case.
 */
struct cifs_mnt *cifs_mnt_alloc(struct kunit *test, struct cifs_srv *srv)
{
	struct cifs_mnt_fixture *fx = test->priv;
	struct cifs_mnt *m = kzalloc(sizeof(*m), GFP_KERNEL);
	char name[16];

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->fx = fx;
	m->srv = srv;
	list_add_tail(&m->list, &fx->mounts);
	snprintf(name, sizeof(name), "user%u", ++fx->nr_mounts);
	m->user = cifs_mnt_task(test, name);
	return m;
}

/**
 * cifs_mnt_try_mount() - mount, which may fail
 * @test: the case
 * @srv: the server
 * @options: see cifs_mnt_start_mount()
 * @m: where to put the mount, or NULL if it is to fail; set even if it does
 *
 * May sleep, and may end the case.
 *
 * Return: 0 or a negative error code.
 */
int cifs_mnt_try_mount(struct kunit *test, struct cifs_srv *srv,
		       const char *options, struct cifs_mnt **m)
{
	struct cifs_mnt *new = cifs_mnt_alloc(test, srv);

	if (m)
		*m = new;
	cifs_mnt_start_mount(new->user, new, options);
	return cifs_mnt_finish(new->user);
}

/**
 * cifs_mnt_mount() - mount
 * @test: the case, which ends if the mount fails
 * @srv: the server
 * @options: see cifs_mnt_start_mount()
 *
 * May sleep.
 *
 * Return: the mount.
 */
struct cifs_mnt *cifs_mnt_mount(struct kunit *test, struct cifs_srv *srv,
				const char *options)
{
	struct cifs_mnt *m;

	KUNIT_ASSERT_EQ_MSG(test, cifs_mnt_try_mount(test, srv, options, &m), 0,
			    "mount with '%s'", options ?: "");
	return m;
}

/**
 * cifs_mnt_try_open() - open a file, which may fail
 * @m: the mount
 * @name: path below its root
 * @flags: as of open(2); mode is 0644
 *
 * May sleep, and may end the case.
 *
 * Return: the file, or an error pointer.
 */
struct file *cifs_mnt_try_open(struct cifs_mnt *m, const char *name, int flags)
{
	long rc;

	cifs_mnt_start_open(m->user, m, name, flags);
	rc = cifs_mnt_finish(m->user);
	return rc ? ERR_PTR(rc) : m->user->op.file;
}

/**
 * cifs_mnt_open() - open a file
 * @m: the mount
 * @name: path below its root
 * @flags: as of open(2); mode is 0644
 *
 * End the case if it fails. May sleep.
 *
 * Return: the file; it is closed with the case if not before.
 */
struct file *cifs_mnt_open(struct cifs_mnt *m, const char *name, int flags)
{
	struct file *file = cifs_mnt_try_open(m, name, flags);

	KUNIT_ASSERT_EQ_MSG(m->fx->test, PTR_ERR_OR_ZERO(file), 0, "open %s", name);
	return file;
}

/**
 * cifs_mnt_read() - read
 * @m: the mount
 * @file: the file
 * @pos: offset in bytes
 * @buf: where to put the data
 * @len: bytes
 *
 * May sleep, and may end the case.
 *
 * Return: bytes read, or a negative error code.
 */
ssize_t cifs_mnt_read(struct cifs_mnt *m, struct file *file, loff_t pos,
		      void *buf, size_t len)
{
	ssize_t rc;

	cifs_mnt_start_read(m->user, file, pos, len);
	rc = cifs_mnt_finish(m->user);
	if (rc > 0)
		memcpy(buf, m->user->op.buf, rc);
	return rc;
}

/**
 * cifs_mnt_mmap() - map the beginning of a file, shared
 * @m: the mount
 * @file: the file, open for reading and writing
 * @len: bytes
 *
 * End the case if it fails. May sleep.
 *
 * Return: the mapping; it is unmapped with the case if not before.
 */
struct cifs_mnt_map *cifs_mnt_mmap(struct cifs_mnt *m, struct file *file,
				   size_t len)
{
	cifs_mnt_start_mmap(m->user, file, len);
	KUNIT_ASSERT_EQ(m->fx->test, cifs_mnt_finish(m->user), 0L);
	return m->user->op.map;
}

/**
 * cifs_mnt_load() - read from a mapping
 * @m: the mount
 * @map: the mapping
 * @pos: offset in bytes
 * @buf: where to put the data
 * @len: bytes
 *
 * May sleep, and may end the case.
 *
 * Return: 0, or -EFAULT for what would be SIGSEGV or SIGBUS.
 */
int cifs_mnt_load(struct cifs_mnt *m, struct cifs_mnt_map *map, loff_t pos,
		  void *buf, size_t len)
{
	int rc;

	cifs_mnt_start_load(m->user, map, pos, len);
	rc = cifs_mnt_finish(m->user);
	if (!rc)
		memcpy(buf, m->user->op.buf, len);
	return rc;
}

/**
 * cifs_mnt_stat() - lstat(2)
 * @m: the mount
 * @name: path below its root, which itself is ""
 * @stat: where to put the result, or NULL
 *
 * May sleep, and may end the case.
 *
 * Return: 0 or a negative error code.
 */
int cifs_mnt_stat(struct cifs_mnt *m, const char *name, struct kstat *stat)
{
	int rc;

	cifs_mnt_start_stat(m->user, m, name);
	rc = cifs_mnt_finish(m->user);
	if (stat)
		*stat = m->user->op.stat;
	return rc;
}

/**
 * cifs_mnt_statfs() - statfs(2)
 * @m: the mount
 * @statfs: where to put the result
 *
 * May sleep, and may end the case.
 *
 * Return: 0 or a negative error code.
 */
int cifs_mnt_statfs(struct cifs_mnt *m, struct kstatfs *statfs)
{
	int rc;

	cifs_mnt_start_statfs(m->user, m);
	rc = cifs_mnt_finish(m->user);
	*statfs = m->user->op.statfs;
	return rc;
}

/**
 * cifs_mnt_readdir() - read all of a directory
 * @m: the mount
 * @name: path below its root, which itself is ""
 * @names: where to put the names, see cifs_mnt_start_readdir(); or NULL
 * @size: of @names, in bytes
 *
 * May sleep, and may end the case.
 *
 * Return: the number of names, or a negative error code.
 */
int cifs_mnt_readdir(struct cifs_mnt *m, const char *name, char *names,
		     size_t size)
{
	int rc;

	cifs_mnt_start_readdir(m->user, m, name);
	rc = cifs_mnt_finish(m->user);
	if (names)
		strscpy(names, m->user->op.buf, size);
	return rc;
}

/* Before and after a case. */

/**
 * cifs_mnt_count() - read the client's own counters
 * @counters: where to put them
 */
void cifs_mnt_count(struct cifs_mnt_counters *counters)
{
	struct super_block *sb;

	counters->servers = atomic_read(&tcpSesAllocCount);
	counters->sessions = atomic_read(&sesInfoAllocCount);
	counters->tcons = atomic_read(&tconInfoAllocCount);
	counters->mids = atomic_read(&mid_count);
	counters->bufs = atomic_read(&buf_alloc_count);
	counters->small_bufs = atomic_read(&small_buf_alloc_count);
	counters->supers = 0;
	hlist_for_each_entry(sb, &cifs_fs_type.fs_supers, s_instances)
		counters->supers++;
}

/**
 * cifs_mnt_wait_counters() - wait for the client's own counters, 60 s at most
 * @counters: what they are to be
 *
 * A connection is freed by its own kthread, some time after the umount. May
 * sleep.
 *
 * Return: whether they became so.
 */
bool cifs_mnt_wait_counters(const struct cifs_mnt_counters *counters)
{
	unsigned long end = jiffies + msecs_to_jiffies(TIME_LIMIT);
	struct cifs_mnt_counters now;

	for (;;) {
		cifs_mnt_count(&now);
		if (!memcmp(&now, counters, sizeof(now)))
			return true;
		if (time_after(jiffies, end))
			return false;
		msleep(20);
	}
}

static u64 log_end(void)
{
	struct kmsg_dump_iter iter;

	kmsg_dump_rewind(&iter);
	return iter.next_seq;
}

static int bring_lo_up(void)
{
	struct net_device *lo = init_net.loopback_dev;
	int rc;

	rtnl_lock();
	rc = dev_change_flags(lo, lo->flags | IFF_UP, NULL);
	rtnl_unlock();
	return rc;
}

static void spoil(struct kunit *test, unsigned int done)
{
	strscpy(spoilt_by, test->name, sizeof(spoilt_by));
	kunit_err(test, "the cases on a mount that are left need a new boot: cifs_mount.skip=%u\n",
		  done);
}

/**
 * cifs_mnt_time_travels() - whether UML's time travel is on
 *
 * Without it sleeps take real time, and by default kunit.py ends a run after
 * 300 seconds.
 *
 * Return: true in any of its modes.
 */
bool cifs_mnt_time_travels(void)
{
#ifdef CONFIG_UML
	return time_travel_mode != TT_MODE_OFF;
#else
	return false;
#endif
}

/**
 * cifs_mnt_sample() - run one in so many of a table's cases in real time
 * @test: the case; is skipped if it is not one of them
 * @n: its place in the table
 * @of: how many there are for each that runs
 *
 * Where time travels, all of them run. May end the case.
 */
void cifs_mnt_sample(struct kunit *test, unsigned int n, unsigned int of)
{
	if (n % of && !cifs_mnt_time_travels())
		kunit_skip(test, "one of %u where sleeping takes time", of);
}

/**
 * cifs_mnt_slow() - skip a case that takes seconds in real time
 * @test: the case
 */
void cifs_mnt_slow(struct kunit *test)
{
	if (!cifs_mnt_time_travels())
		kunit_skip(test, "takes seconds where sleeping takes time");
}

/**
 * cifs_mnt_init() - begin a case: .init of a suite
 * @test: the case; its ->priv becomes a struct cifs_mnt_fixture
 *
 * Skip it if an earlier one left tasks in the client, or if lockdep is off. May
 * sleep.
 *
 * Return: 0 or a negative error code.
 */
int cifs_mnt_init(struct kunit *test)
{
	struct cifs_mnt_fixture *fx;
	int rc;

	if (nr_cases++ < skip)
		kunit_skip(test, "cifs_mount.skip");
	if (spoilt_by[0])
		kunit_skip(test, "%s spoilt this boot", spoilt_by);
	if (IS_ENABLED(CONFIG_LOCKDEP) && !debug_locks) {
		spoil(test, nr_cases - 1);
		kunit_skip(test, "lockdep has been off since before this case");
	}
	rc = bring_lo_up();
	if (rc)
		return rc;
	fx = kzalloc(sizeof(*fx), GFP_KERNEL);
	if (!fx)
		return -ENOMEM;
	fx->test = test;
	mutex_init(&fx->lock);
	INIT_LIST_HEAD(&fx->mounts);
	INIT_LIST_HEAD(&fx->tasks);
	INIT_LIST_HEAD(&fx->files);
	INIT_LIST_HEAD(&fx->maps);
	cifs_mnt_count(&fx->before);
	fx->taint = get_taint();
	fx->log_seq = log_end();
	test->priv = fx;
	return 0;
}

/**
 * cifs_mnt_expect_stale() - let the client send stale ids in this case
 * @test: the case
 */
void cifs_mnt_expect_stale(struct kunit *test)
{
	struct cifs_mnt_fixture *fx = test->priv;

	fx->stale_expected = true;
}

/**
 * cifs_mnt_expect_left_open() - let the client give up trees with files open
 * @test: the case, which has the server refuse a CLOSE
 */
void cifs_mnt_expect_left_open(struct kunit *test)
{
	struct cifs_mnt_fixture *fx = test->priv;

	fx->left_open_expected = true;
}

/**
 * cifs_mnt_init_deferring() - .init of suites for clients that defer closes
 * @test: the case
 *
 * As cifs_mnt_init(), but skip the case where files are closed at once: what
 * else those older clients do otherwise is not fitted to such a suite. In real
 * time skip three of four cases with parameters.
 *
 * Return: 0 or a negative error code.
 */
int cifs_mnt_init_deferring(struct kunit *test)
{
	/* there are hundreds, and a connection takes 125 ms to end */
	bool skipped = test->param_value && nr_cases % 4 && !cifs_mnt_time_travels();

	/* cifs_mnt_init() counts the others */
	if (skipped || !cifs_mnt_defers_close())
		nr_cases++;
	cifs_mnt_need_deferred_close(test);
	if (skipped)
		kunit_skip(test, "one of 4 where sleeping takes time");
	return cifs_mnt_init(test);
}

/**
 * cifs_mnt_need_deferred_close() - skip a case where files are closed at once
 * @test: the case
 */
void cifs_mnt_need_deferred_close(struct kunit *test)
{
	if (!cifs_mnt_defers_close())
		kunit_skip(test, "the client does not defer closes");
}

/**
 * cifs_mnt_server() - start a server
 * @test: the case
 * @options: what it can do, or NULL
 *
 * It is stopped with the case. May sleep, and may end the case.
 *
 * Return: the server.
 */
struct cifs_srv *cifs_mnt_server(struct kunit *test,
				 const struct cifs_srv_options *options)
{
	static const struct cifs_srv_options plain;
	struct cifs_mnt_fixture *fx = test->priv;
	struct cifs_srv *srv;

	KUNIT_ASSERT_LT(test, fx->nr_srv, CIFS_MNT_SERVERS);
	srv = cifs_srv_start(test, options ?: &plain);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, srv);
	fx->srv[fx->nr_srv++] = srv;
	return srv;
}

/* Runs an operation of a case that has ended, where nothing may be asserted. */
static bool clean_up(struct cifs_mnt_task *task, long (*fn)(void *arg))
{
	cifs_mnt_start(task, fn, &task->op);
	return cifs_mnt_wait(task) || !task->fx->abandoned;
}

/* Returns false if something hangs for ever. */
static bool close_all(struct cifs_mnt_fixture *fx)
{
	struct cifs_mnt_task *task = list_first_entry_or_null(&fx->tasks,
							      struct cifs_mnt_task, list);
	struct open_file *open;
	struct cifs_mnt *m;

	if (!task || !task->task)
		return true;
	while (!list_empty(&fx->maps)) {
		new_op(task)->map = list_first_entry(&fx->maps, struct cifs_mnt_map, list);
		if (!clean_up(task, op_munmap))
			return false;
	}
	while (!list_empty(&fx->files)) {
		open = list_first_entry(&fx->files, struct open_file, list);
		new_op(open->task)->file = open->file;
		if (!clean_up(open->task, op_close))
			return false;
	}
	list_for_each_entry(m, &fx->mounts, list) {
		if (!m->mnt)
			continue;
		new_op(task)->m = m;
		if (!clean_up(task, op_umount))
			return false;
	}
	return true;
}

static void expect_count(struct kunit *test, const char *what, int before, int after)
{
	KUNIT_EXPECT_EQ_MSG(test, before, after, "%s: %+d", what, after - before);
}

static void expect_no_objects(struct cifs_mnt_fixture *fx)
{
	struct cifs_mnt_counters *before = &fx->before, after;
	struct kunit *test = fx->test;

	cifs_mnt_wait_counters(before);
	cifs_mnt_count(&after);
	expect_count(test, "connections", before->servers, after.servers);
	expect_count(test, "sessions", before->sessions, after.sessions);
	expect_count(test, "tree connections", before->tcons, after.tcons);
	expect_count(test, "requests", before->mids, after.mids);
	expect_count(test, "large buffers", before->bufs, after.bufs);
	expect_count(test, "small buffers", before->small_bufs, after.small_bufs);
	expect_count(test, "superblocks", before->supers, after.supers);
}

static void expect_nothing_at_server(struct cifs_mnt_fixture *fx, struct cifs_srv *srv)
{
	struct kunit *test = fx->test;
	struct cifs_srv_faults faults;
	unsigned int handles = cifs_srv_handles(srv);

	KUNIT_EXPECT_EQ_MSG(test, handles, 0, "handles open at the server");
	if (handles)
		cifs_srv_print_handles(srv);
	cifs_srv_faults(srv, &faults);
	if (!fx->left_open_expected)
		KUNIT_EXPECT_EQ_MSG(test, faults.left_open, 0, "files open when their tree went");
	if (fx->stale_expected)
		return;
	KUNIT_EXPECT_EQ_MSG(test, faults.stale_fid, 0, "requests with stale handles");
	KUNIT_EXPECT_EQ_MSG(test, faults.stale_session, 0, "requests with stale sessions");
	KUNIT_EXPECT_EQ_MSG(test, faults.stale_tree, 0, "requests with stale trees");
}

/* Taint flags stay set, so that only the first warning of a run shows there. */
static void expect_no_complaint(struct cifs_mnt_fixture *fx)
{
	static const char * const complaints[] = {
		"WARNING: ", "BUG: ", "INFO: ", "VFS: Busy inodes",
	};
	struct kmsg_dump_iter iter;
	char line[256], *complaint;
	size_t len;
	int i;

	KUNIT_EXPECT_EQ_MSG(fx->test, get_taint(), fx->taint, "the kernel is tainted");
	kmsg_dump_rewind(&iter);
	iter.cur_seq = max(iter.cur_seq, fx->log_seq);
	while (kmsg_dump_get_line(&iter, false, line, sizeof(line) - 1, &len)) {
		line[len] = '\0';
		/* KUnit's own */
		if (strstr(line, "    # "))
			continue;
		for (i = 0; i < ARRAY_SIZE(complaints); i++) {
			complaint = strstr(line, complaints[i]);
			if (complaint)
				KUNIT_FAIL(fx->test, "the kernel complains: %s",
					   complaint + strlen(complaints[i]));
		}
	}
}

static void stop_tasks(struct cifs_mnt_fixture *fx)
{
	struct cifs_mnt_task *task, *next_task;
	struct cifs_mnt *m, *next_m;

	list_for_each_entry_safe(task, next_task, &fx->tasks, list) {
		if (task->task)
			kthread_stop(task->task);
		kfree(task->op.buf);
		kfree(task);
	}
	list_for_each_entry_safe(m, next_m, &fx->mounts, list)
		kfree(m);
}

/**
 * cifs_mnt_exit() - end a case: .exit of a suite
 * @test: the case
 *
 * Clear the rules, release what the server holds, wait for the tasks, close,
 * unmount, and fail the case for all that is left: objects of the client, by
 * its counters; a superblock; handles open at the server; requests with stale
 * ids; lockdep being off; and warnings of the kernel. Then stop the servers.
 * May sleep.
 */
void cifs_mnt_exit(struct kunit *test)
{
	struct cifs_mnt_fixture *fx = test->priv;
	struct cifs_mnt_task *task;
	bool failed;
	unsigned int i;

	if (!fx)
		return;
	for (i = 0; i < fx->nr_srv; i++) {
		cifs_srv_clear_rules(fx->srv[i]);
		cifs_srv_release(fx->srv[i], CIFS_SRV_ANY);
	}
	list_for_each_entry(task, &fx->tasks, list) {
		if (!fx->abandoned)
			cifs_mnt_wait(task);
	}
	if (!fx->abandoned && close_all(fx)) {
		expect_no_objects(fx);
		for (i = 0; i < fx->nr_srv; i++)
			expect_nothing_at_server(fx, fx->srv[i]);
	}
	KUNIT_EXPECT_TRUE_MSG(test, !IS_ENABLED(CONFIG_LOCKDEP) || debug_locks,
			      "lockdep has turned itself off");
	expect_no_complaint(fx);
	if (fx->abandoned || (IS_ENABLED(CONFIG_LOCKDEP) && !debug_locks))
		spoil(test, nr_cases);
	failed = READ_ONCE(test->status) == KUNIT_FAILURE;
	for (i = 0; i < fx->nr_srv; i++) {
		if (failed && !fx->hung)
			cifs_srv_print_log(fx->srv[i]);
		cifs_srv_stop(fx->srv[i]);
	}
	test->priv = NULL;
	/* an abandoned task may use any of it, even later */
	if (fx->abandoned)
		return;
	stop_tasks(fx);
	kfree(fx);
}
