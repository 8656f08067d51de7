/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mounts of the client for KUnit: users that mount, open, write, lock and
 * unmount through the VFS, each operation with a time limit, and a check after
 * each case that nothing is left behind.
 */
#ifndef _CIFS_MNT_H
#define _CIFS_MNT_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/stat.h>
#include <linux/statfs.h>
#include <linux/wait.h>
#include "cifs_server.h"

#define CIFS_MNT_NAME		64
#define CIFS_MNT_SERVERS	8

/**
 * struct cifs_mnt_op - arguments and results of one operation
 * @m: the mount
 * @file: the open file, or the one that was opened
 * @map: the mapping, or the one that was made
 * @name: path below the root of the mount
 * @to: new path of a rename
 * @buf: data to write or that was read, options of a mount, names in a
 *	 directory; belongs to the task, until its next operation
 * @len: bytes in @buf, or size to truncate to
 * @pos: offset in the file
 * @flags: open flags, command of a lock, or user id
 * @force: forced umount
 * @lock: byte range
 * @stat: result of cifs_mnt_start_stat()
 * @statfs: result of cifs_mnt_start_statfs()
 */
struct cifs_mnt_op {
	struct cifs_mnt *m;
	struct file *file;
	struct cifs_mnt_map *map;
	char name[CIFS_MNT_NAME];
	char to[CIFS_MNT_NAME];
	void *buf;
	size_t len;
	loff_t pos;
	int flags;
	bool force;
	struct flock lock;
	struct kstat stat;
	struct kstatfs statfs;
};

/**
 * struct cifs_mnt_task - a user: a kthread that does one operation at a time
 * @list: in cifs_mnt_fixture.tasks
 * @fx: the fixture
 * @name: name in reports
 * @task: the kthread
 * @wake: where it waits for an operation
 * @fn: the operation under way, or NULL
 * @last: the last operation, for reports
 * @arg: argument of @fn
 * @rc: what @fn returned
 * @done: no operation is under way
 * @fail_nth: the allocation of the next operation that is to fail; 0: none, and
 *	      afterwards: it did. See cifs_kunit_swap_fail_nth()
 * @abandoned: an operation never ended
 * @op: arguments and results of the operations of this file
 *
 * It has its own files_struct, hence is a lock owner of its own.
 */
struct cifs_mnt_task {
	struct list_head list;
	struct cifs_mnt_fixture *fx;
	char name[CIFS_MNT_NAME];
	struct task_struct *task;
	wait_queue_head_t wake;
	long (*fn)(void *arg);
	long (*last)(void *arg);
	void *arg;
	long rc;
	struct completion done;
	unsigned int fail_nth;
	bool abandoned;
	struct cifs_mnt_op op;
};

/**
 * struct cifs_mnt - a mount
 * @list: in cifs_mnt_fixture.mounts
 * @fx: the fixture
 * @srv: its server
 * @mnt: the mount; NULL once its umount has begun
 * @user: the task that cifs_mnt_open() and its like run in; a case may set it
 */
struct cifs_mnt {
	struct list_head list;
	struct cifs_mnt_fixture *fx;
	struct cifs_srv *srv;
	struct vfsmount *mnt;
	struct cifs_mnt_task *user;
};

/**
 * struct cifs_mnt_map - a shared mapping of a file
 * @list: in cifs_mnt_fixture.maps
 * @mm: the address space, which has nothing else in it
 * @addr: where it is mapped
 * @len: its length
 */
struct cifs_mnt_map {
	struct list_head list;
	struct mm_struct *mm;
	unsigned long addr;
	size_t len;
};

/**
 * struct cifs_mnt_counters - what the client counts of its own objects
 * @servers: connections
 * @sessions: sessions
 * @tcons: tree connections
 * @mids: requests under way
 * @bufs: large buffers
 * @small_bufs: small buffers
 * @supers: superblocks; by the VFS
 */
struct cifs_mnt_counters {
	int servers;
	int sessions;
	int tcons;
	int mids;
	int bufs;
	int small_bufs;
	int supers;
};

/**
 * struct cifs_mnt_fixture - what a case uses, and how the system was before it
 * @test: the case
 * @lock: guards @files and @maps; innermost
 * @srv: the servers
 * @nr_srv: how many
 * @mounts: struct cifs_mnt
 * @nr_mounts: how many
 * @tasks: struct cifs_mnt_task
 * @files: struct open_file, each file that is open
 * @maps: struct cifs_mnt_map
 * @before: counters before the case
 * @taint: taint flags before the case
 * @log_seq: sequence number of the first message of the case
 * @stale_expected: the case makes the client send stale ids
 * @left_open_expected: the case makes the client leave files open
 * @hung: an operation did not end in time
 * @abandoned: and not even after the connection was cut
 */
struct cifs_mnt_fixture {
	struct kunit *test;
	struct mutex lock;	/* users open, close, map and unmap at once */
	struct cifs_srv *srv[CIFS_MNT_SERVERS];
	unsigned int nr_srv;
	struct list_head mounts;
	unsigned int nr_mounts;
	struct list_head tasks;
	struct list_head files;
	struct list_head maps;
	struct cifs_mnt_counters before;
	unsigned long taint;
	u64 log_seq;
	bool stale_expected;
	bool left_open_expected;
	bool hung;
	bool abandoned;
};

/* What some older clients do otherwise. */
#ifndef cifs_mnt_direct_io_is_killable
#define cifs_mnt_direct_io_is_killable()	false
#endif
#ifndef cifs_mnt_defers_close
#define cifs_mnt_defers_close()	true
#endif
#ifndef cifs_mnt_waits_for_dir_breaks
#define cifs_mnt_waits_for_dir_breaks()	true
#endif
#ifndef cifs_mnt_retries_close
#define cifs_mnt_retries_close()	true
#endif
#ifndef cifs_mnt_outlives_forced_umount
#define cifs_mnt_outlives_forced_umount()	true
#endif
#ifndef cifs_mnt_counts_killed_open
#define cifs_mnt_counts_killed_open()	true
#endif

int cifs_mnt_init(struct kunit *test);
int cifs_mnt_init_deferring(struct kunit *test);
void cifs_mnt_exit(struct kunit *test);
void cifs_mnt_need_deferred_close(struct kunit *test);
bool cifs_mnt_time_travels(void);
void cifs_mnt_sample(struct kunit *test, unsigned int n, unsigned int of);
void cifs_mnt_slow(struct kunit *test);
void cifs_mnt_expect_stale(struct kunit *test);
void cifs_mnt_expect_left_open(struct kunit *test);
void cifs_mnt_count(struct cifs_mnt_counters *counters);
bool cifs_mnt_wait_counters(const struct cifs_mnt_counters *counters);

struct cifs_srv *cifs_mnt_server(struct kunit *test,
				 const struct cifs_srv_options *options);

/* Tasks. */
struct cifs_mnt_task *cifs_mnt_task(struct kunit *test, const char *name);
void cifs_mnt_start(struct cifs_mnt_task *task, long (*fn)(void *arg), void *arg);
bool cifs_mnt_busy(const struct cifs_mnt_task *task);
bool cifs_mnt_wait(struct cifs_mnt_task *task);
long cifs_mnt_finish(struct cifs_mnt_task *task);
bool cifs_mnt_wait_asleep(struct cifs_mnt_task *task, const char *function);
void cifs_mnt_kill(struct cifs_mnt_task *task);
void cifs_mnt_become(struct cifs_mnt_task *task, uid_t uid, const char *login);

/* Operations in a task. */
void cifs_mnt_start_mount(struct cifs_mnt_task *task, struct cifs_mnt *m,
			  const char *options);
void cifs_mnt_start_umount(struct cifs_mnt_task *task, struct cifs_mnt *m,
			   bool force);
void cifs_mnt_start_remount(struct cifs_mnt_task *task, struct cifs_mnt *m,
			    const char *options);
void cifs_mnt_start_open(struct cifs_mnt_task *task, struct cifs_mnt *m,
			 const char *name, int flags);
void cifs_mnt_start_close(struct cifs_mnt_task *task, struct file *file);
void cifs_mnt_start_read(struct cifs_mnt_task *task, struct file *file,
			 loff_t pos, size_t len);
void cifs_mnt_start_write(struct cifs_mnt_task *task, struct file *file,
			  loff_t pos, const void *data, size_t len);
void cifs_mnt_start_readahead(struct cifs_mnt_task *task, struct file *file,
			      loff_t pos, size_t len);
void cifs_mnt_start_fsync(struct cifs_mnt_task *task, struct file *file);
void cifs_mnt_start_lock(struct cifs_mnt_task *task, struct file *file,
			 int cmd, short type, loff_t start, loff_t len);
void cifs_mnt_start_mmap(struct cifs_mnt_task *task, struct file *file,
			 size_t len);
void cifs_mnt_start_load(struct cifs_mnt_task *task, struct cifs_mnt_map *map,
			 loff_t pos, size_t len);
void cifs_mnt_start_store(struct cifs_mnt_task *task, struct cifs_mnt_map *map,
			  loff_t pos, const void *data, size_t len);
void cifs_mnt_start_munmap(struct cifs_mnt_task *task, struct cifs_mnt_map *map);
void cifs_mnt_start_munmap_in_io(struct cifs_mnt_task *task, struct cifs_mnt_map *map,
				 loff_t pos, const void *data, size_t len);
void cifs_mnt_start_stat(struct cifs_mnt_task *task, struct cifs_mnt *m,
			 const char *name);
void cifs_mnt_start_statfs(struct cifs_mnt_task *task, struct cifs_mnt *m);
void cifs_mnt_start_truncate(struct cifs_mnt_task *task, struct cifs_mnt *m,
			     const char *name, loff_t size);
void cifs_mnt_start_rename(struct cifs_mnt_task *task, struct cifs_mnt *m,
			   const char *name, const char *to);
void cifs_mnt_start_unlink(struct cifs_mnt_task *task, struct cifs_mnt *m,
			   const char *name);
void cifs_mnt_start_mkdir(struct cifs_mnt_task *task, struct cifs_mnt *m,
			  const char *name);
void cifs_mnt_start_rmdir(struct cifs_mnt_task *task, struct cifs_mnt *m,
			  const char *name);
void cifs_mnt_start_readdir(struct cifs_mnt_task *task, struct cifs_mnt *m,
			    const char *name);

/* The same in the mount's own task, to the end. */
struct cifs_mnt *cifs_mnt_alloc(struct kunit *test, struct cifs_srv *srv);
struct cifs_mnt *cifs_mnt_mount(struct kunit *test, struct cifs_srv *srv,
				const char *options);
int cifs_mnt_try_mount(struct kunit *test, struct cifs_srv *srv,
		       const char *options, struct cifs_mnt **m);
struct file *cifs_mnt_open(struct cifs_mnt *m, const char *name, int flags);
struct file *cifs_mnt_try_open(struct cifs_mnt *m, const char *name, int flags);
ssize_t cifs_mnt_read(struct cifs_mnt *m, struct file *file, loff_t pos,
		      void *buf, size_t len);
struct cifs_mnt_map *cifs_mnt_mmap(struct cifs_mnt *m, struct file *file,
				   size_t len);
int cifs_mnt_load(struct cifs_mnt *m, struct cifs_mnt_map *map, loff_t pos,
		  void *buf, size_t len);
int cifs_mnt_stat(struct cifs_mnt *m, const char *name, struct kstat *stat);
int cifs_mnt_statfs(struct cifs_mnt *m, struct kstatfs *statfs);
int cifs_mnt_readdir(struct cifs_mnt *m, const char *name, char *names,
		     size_t size);

/*
 * Of the others, each is its cifs_mnt_start_*() in m->user, returns what the
 * system call returns, and ends the case if it does not return in time.
 */

static inline void cifs_mnt_umount(struct cifs_mnt *m)
{
	cifs_mnt_start_umount(m->user, m, false);
	cifs_mnt_finish(m->user);
}

static inline void cifs_mnt_force_umount(struct cifs_mnt *m)
{
	cifs_mnt_start_umount(m->user, m, true);
	cifs_mnt_finish(m->user);
}

static inline int cifs_mnt_remount(struct cifs_mnt *m, const char *options)
{
	cifs_mnt_start_remount(m->user, m, options);
	return cifs_mnt_finish(m->user);
}

static inline int cifs_mnt_close(struct cifs_mnt *m, struct file *file)
{
	cifs_mnt_start_close(m->user, file);
	return cifs_mnt_finish(m->user);
}

static inline ssize_t cifs_mnt_write(struct cifs_mnt *m, struct file *file,
				     loff_t pos, const void *data, size_t len)
{
	cifs_mnt_start_write(m->user, file, pos, data, len);
	return cifs_mnt_finish(m->user);
}

static inline int cifs_mnt_readahead(struct cifs_mnt *m, struct file *file,
				     loff_t pos, size_t len)
{
	cifs_mnt_start_readahead(m->user, file, pos, len);
	return cifs_mnt_finish(m->user);
}

static inline int cifs_mnt_fsync(struct cifs_mnt *m, struct file *file)
{
	cifs_mnt_start_fsync(m->user, file);
	return cifs_mnt_finish(m->user);
}

static inline int cifs_mnt_lock(struct cifs_mnt *m, struct file *file, int cmd,
				short type, loff_t start, loff_t len)
{
	cifs_mnt_start_lock(m->user, file, cmd, type, start, len);
	return cifs_mnt_finish(m->user);
}

static inline int cifs_mnt_store(struct cifs_mnt *m, struct cifs_mnt_map *map,
				 loff_t pos, const void *data, size_t len)
{
	cifs_mnt_start_store(m->user, map, pos, data, len);
	return cifs_mnt_finish(m->user);
}

static inline void cifs_mnt_munmap(struct cifs_mnt *m, struct cifs_mnt_map *map)
{
	cifs_mnt_start_munmap(m->user, map);
	cifs_mnt_finish(m->user);
}

static inline int cifs_mnt_munmap_in_io(struct cifs_mnt *m, struct cifs_mnt_map *map,
					loff_t pos, const void *data, size_t len)
{
	cifs_mnt_start_munmap_in_io(m->user, map, pos, data, len);
	return cifs_mnt_finish(m->user);
}

static inline int cifs_mnt_truncate(struct cifs_mnt *m, const char *name,
				    loff_t size)
{
	cifs_mnt_start_truncate(m->user, m, name, size);
	return cifs_mnt_finish(m->user);
}

static inline int cifs_mnt_rename(struct cifs_mnt *m, const char *name,
				  const char *to)
{
	cifs_mnt_start_rename(m->user, m, name, to);
	return cifs_mnt_finish(m->user);
}

static inline int cifs_mnt_unlink(struct cifs_mnt *m, const char *name)
{
	cifs_mnt_start_unlink(m->user, m, name);
	return cifs_mnt_finish(m->user);
}

static inline int cifs_mnt_mkdir(struct cifs_mnt *m, const char *name)
{
	cifs_mnt_start_mkdir(m->user, m, name);
	return cifs_mnt_finish(m->user);
}

static inline int cifs_mnt_rmdir(struct cifs_mnt *m, const char *name)
{
	cifs_mnt_start_rmdir(m->user, m, name);
	return cifs_mnt_finish(m->user);
}

#endif /* _CIFS_MNT_H */
