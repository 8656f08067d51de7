/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that the suites are laid over: the one
 * place for it, with compat.c, chosen by what the tree has (see Kconfig).
 */
#ifndef _CIFS_KUNIT_COMPAT_H
#define _CIFS_KUNIT_COMPAT_H

#include <kunit/test.h>
#include <linux/page-flags.h>
#ifdef CONFIG_CIFS_KUNIT_PANIC_NOTIFIER
#include <linux/panic_notifier.h>
#endif
#include <linux/sched.h>
#include "cifsglob.h"
#include "cifsproto.h"
#include "cifs_debug.h"
#include "cifs_fs_sb.h"

/* The kernel's own. */

#ifndef KUNIT_EXPECT_NULL
#define KUNIT_EXPECT_NULL(test, ptr)					\
	KUNIT_EXPECT_PTR_EQ(test, (const void *)(ptr), (const void *)NULL)
#endif
#ifndef KUNIT_EXPECT_NOT_NULL
#define KUNIT_EXPECT_NOT_NULL(test, ptr)				\
	KUNIT_EXPECT_PTR_NE(test, (const void *)(ptr), (const void *)NULL)
#endif
#ifndef KUNIT_ASSERT_NOT_NULL
#define KUNIT_ASSERT_NOT_NULL(test, ptr)				\
	KUNIT_ASSERT_PTR_NE(test, (const void *)(ptr), (const void *)NULL)
#endif

/* The speed attribute, for kunit.py --filter. */
#ifndef KUNIT_CASE_SLOW
#define KUNIT_CASE_SLOW(test_name)	KUNIT_CASE(test_name)
#endif
#ifndef KUNIT_CASE_PARAM_ATTR
#define KUNIT_CASE_PARAM_ATTR(test_name, gen_params, ...)		\
	KUNIT_CASE_PARAM(test_name, gen_params)
#endif

/* Whether an expectation of the case has failed so far. */
#ifdef KUNIT_STATUS_COMMENT_SIZE
#define cifs_kunit_failed(test)	(READ_ONCE((test)->status) == KUNIT_FAILURE)
#else
#define cifs_kunit_failed(test)	(!READ_ONCE((test)->success))
#endif

/* A generator for KUNIT_CASE_PARAM(), name_gen_params(), out of a function. */
#ifdef CONFIG_CIFS_KUNIT_GENERATOR_TEST
#define CIFS_KUNIT_GENERATOR(name, next)				\
	static const void *name##_gen_params(struct kunit *test,	\
					     const void *prev, char *desc) \
	{								\
		return next(prev, desc);				\
	}
#else
#define CIFS_KUNIT_GENERATOR(name, next)				\
	static const void *name##_gen_params(const void *prev, char *desc) \
	{								\
		return next(prev, desc);				\
	}
#endif

/* The section of all suites, and the suite of an entry: each file has one. */
#ifdef CONFIG_CIFS_KUNIT_FLAT_SUITES
extern struct kunit_suite *__kunit_suites_start[], *__kunit_suites_end[];
#define cifs_kunit_suite(entry)		(entry)
#else
extern struct kunit_suite **__kunit_suites_start[], **__kunit_suites_end[];
#define cifs_kunit_suite(entry)		((entry)[0])
#endif

#ifdef task_is_running
#define cifs_kunit_task_state(task)	READ_ONCE((task)->__state)
#else
#define cifs_kunit_task_state(task)	READ_ONCE((task)->state)
#endif

/* Some kernels have page flags in a struct, some a path read-only. */
static inline bool cifs_kunit_page_waiters(struct page *page)
{
	return test_bit(PG_waiters, (unsigned long *)&page->flags);
}

static inline void cifs_kunit_set_dentry(struct file *filp,
					 struct dentry *dentry)
{
	((struct path *)&filp->f_path)->dentry = dentry;
}

/* With arguments kiocb and rc. */
#ifndef CONFIG_CIFS_KUNIT_BUF_ALLOC_COUNT
#define buf_alloc_count			bufAllocCount
#define small_buf_alloc_count		smBufAllocCount
#define total_buf_alloc_count		totBufAllocCount
#define total_small_buf_alloc_count	totSmBufAllocCount
#define mid_count			midCount
#endif

#ifdef CONFIG_CIFS_KUNIT_KI_COMPLETE_TWO_RESULTS
#define CIFS_KUNIT_KI_COMPLETE(name)					\
	void name(struct kiocb *kiocb, long rc, long rc2)
#else
#define CIFS_KUNIT_KI_COMPLETE(name)					\
	void name(struct kiocb *kiocb, long rc)
#endif

/* A lock over all of a file. */
#ifdef CONFIG_CIFS_KUNIT_FILE_LOCK_CORE
#define CIFS_KUNIT_LOCK(type, wait) {					\
	.c.flc_type = (type),						\
	.c.flc_flags = (wait) ? FL_SLEEP : 0,				\
	.fl_end = OFFSET_MAX,						\
}
#else
#define CIFS_KUNIT_LOCK(type, wait) {					\
	.fl_type = (type),						\
	.fl_flags = (wait) ? FL_SLEEP : 0,				\
	.fl_end = OFFSET_MAX,						\
}
#endif

#define CIFS_KUNIT_WRITE_LOCK(wait)	CIFS_KUNIT_LOCK(F_WRLCK, wait)

/* The put, its queues, and what cancels its works. */

#ifdef CONFIG_CIFS_KUNIT_PUT_OFFLOAD

#define cifs_kunit_need_offload(test)	((void)(test))

static inline void cifs_kunit_put(struct cifsFileInfo *cfile, bool wait_oplock,
				  bool offload)
{
	_cifsFileInfo_put(cfile, wait_oplock, offload);
}

static inline void cifs_kunit_cancel_put(struct cifsFileInfo *cfile)
{
	cancel_work_sync(&cfile->put);
}

static inline struct workqueue_struct *cifs_kunit_put_wq(void)
{
	return fileinfo_put_wq;
}

static inline bool cifs_kunit_put_runs(struct cifsFileInfo *cfile)
{
	return work_busy(&cfile->put) == WORK_BUSY_RUNNING;
}

#else

/* Skips a case that only speaks of the queue. */
#define cifs_kunit_need_offload(test)					\
	kunit_skip(test, "this tree has no fileinfo_put_wq")

static inline void cifs_kunit_put(struct cifsFileInfo *cfile, bool wait_oplock,
				  bool offload)
{
	_cifsFileInfo_put(cfile, wait_oplock);
}

static inline void cifs_kunit_cancel_put(struct cifsFileInfo *cfile)
{
}

static inline struct workqueue_struct *cifs_kunit_put_wq(void)
{
	return NULL;
}

static inline bool cifs_kunit_put_runs(struct cifsFileInfo *cfile)
{
	return false;
}

#endif /* CONFIG_CIFS_KUNIT_PUT_OFFLOAD */

#ifdef CONFIG_CIFS_KUNIT_SERVERCLOSE

#define cifs_kunit_need_serverclose(test)	((void)(test))

static inline void cifs_kunit_cancel_serverclose(struct cifsFileInfo *cfile)
{
	cancel_work_sync(&cfile->serverclose);
}

static inline struct workqueue_struct *cifs_kunit_serverclose_wq(void)
{
	return serverclose_wq;
}

#else

#define cifs_kunit_need_serverclose(test)				\
	kunit_skip(test, "this tree does not retry a close")

static inline void cifs_kunit_cancel_serverclose(struct cifsFileInfo *cfile)
{
}

static inline struct workqueue_struct *cifs_kunit_serverclose_wq(void)
{
	return NULL;
}

#endif /* CONFIG_CIFS_KUNIT_SERVERCLOSE */

static inline struct workqueue_struct *cifs_kunit_cfid_put_wq(void)
{
#ifdef CONFIG_CIFS_KUNIT_CFID_PUT
	return cfid_put_wq;
#else
	return NULL;
#endif
}

#ifdef CONFIG_CIFS_KUNIT_DEFERRED_CLOSE

#define cifs_kunit_need_deferred(test)	((void)(test))

/* The work that closes @cfile later. */
static inline struct delayed_work *cifs_kunit_deferred(struct cifsFileInfo *cfile)
{
	return &cfile->deferred;
}

static inline struct workqueue_struct *cifs_kunit_deferred_wq(void)
{
	return deferredclose_wq;
}

static inline bool cifs_kunit_none_deferred(struct cifsInodeInfo *cinode)
{
	return list_empty(&cinode->deferred_closes);
}

static inline void cifs_kunit_cancel_deferred(struct cifsFileInfo *cfile)
{
	cancel_delayed_work_sync(&cfile->deferred);
}

static inline void cifs_kunit_forget_deferred(struct cifsInodeInfo *cinode,
					      struct cifsFileInfo *cfile)
{
	spin_lock(&cinode->deferred_lock);
	cifs_del_deferred_close(cfile);
	spin_unlock(&cinode->deferred_lock);
}

static inline void cifs_kunit_set_scheduled(struct cifsFileInfo *cfile,
					    bool scheduled)
{
	cfile->deferred_close_scheduled = scheduled;
}

/* By name, or by dentry: either type takes a void pointer. */
static inline void cifs_kunit_close_deferred_under(struct cifs_tcon *tcon,
						   struct dentry *dentry)
{
	bool by_name = __builtin_types_compatible_p(typeof(cifs_close_deferred_file_under_dentry),
						    void (struct cifs_tcon *, const char *));
	void *which = by_name ? (void *)dentry->d_name.name : dentry;

	cifs_close_deferred_file_under_dentry(tcon, which);
}

#else

#define cifs_kunit_need_deferred(test)					\
	kunit_skip(test, "this tree closes at once")

static inline struct delayed_work *cifs_kunit_deferred(struct cifsFileInfo *cfile)
{
	return NULL;
}

static inline struct workqueue_struct *cifs_kunit_deferred_wq(void)
{
	return NULL;
}

static inline bool cifs_kunit_none_deferred(struct cifsInodeInfo *cinode)
{
	return true;
}

static inline void cifs_kunit_cancel_deferred(struct cifsFileInfo *cfile)
{
}

static inline void cifs_kunit_forget_deferred(struct cifsInodeInfo *cinode,
					      struct cifsFileInfo *cfile)
{
}

static inline void cifs_kunit_set_scheduled(struct cifsFileInfo *cfile,
					    bool scheduled)
{
}

static inline void cifs_close_deferred_file(struct cifsInodeInfo *cinode)
{
}

static inline void cifs_close_all_deferred_files(struct cifs_tcon *tcon)
{
}

static inline void cifs_kunit_close_deferred_under(struct cifs_tcon *tcon,
						   struct dentry *dentry)
{
}

#endif /* CONFIG_CIFS_KUNIT_DEFERRED_CLOSE */

/* Requests that nobody waits for, past the page cache. */

#ifdef CONFIG_CIFS_KUNIT_NETFS

#define cifs_kunit_need_requests(test)					\
	kunit_skip(test, "requests are those of netfs here")
#define cifs_kunit_readv	netfs_unbuffered_read_iter

#else

#define cifs_kunit_need_requests(test)	((void)(test))
#define cifs_kunit_readv	cifs_user_readv

#endif /* CONFIG_CIFS_KUNIT_NETFS */

/* The mount. */

#ifdef CONFIG_CIFS_KUNIT_TCON_INFO_ALLOC
#define cifs_kunit_alloc_tcon()	tcon_info_alloc(false, netfs_trace_tcon_ref_new)
#elif defined(CONFIG_CIFS_KUNIT_TCON_TRACE)
#define cifs_kunit_alloc_tcon()	tconInfoAlloc(netfs_trace_tcon_ref_new)
#else
#define cifs_kunit_alloc_tcon()	tconInfoAlloc()
#endif

#ifdef CONFIG_CIFS_KUNIT_TCON_TRACE
#define cifs_kunit_free_tcon(tcon)	tconInfoFree(tcon, netfs_trace_tcon_ref_free)
#else
#define cifs_kunit_free_tcon(tcon)	tconInfoFree(tcon)
#endif

#ifdef CONFIG_CIFS_KUNIT_SYMLINK_TARGET
#define cifs_kunit_new_fileinfo(fid, file, tlink, oplock, target)	\
	cifs_new_fileinfo(fid, file, tlink, oplock, target)
#define cifs_kunit_need_symlink_target(test)	((void)(test))
#define cifs_kunit_set_symlink_target(cfile, name) ((cfile)->symlink_target = (name))
#else
#define cifs_kunit_new_fileinfo(fid, file, tlink, oplock, target)	\
	((void)(target), cifs_new_fileinfo(fid, file, tlink, oplock))
#define cifs_kunit_need_symlink_target(test)				\
	kunit_skip(test, "an open file has no target of a link here")
#define cifs_kunit_set_symlink_target(cfile, name) ((void)(cfile), (void)(name))
#endif

/* A plain word, or an atomic one. */
static inline void cifs_kunit_mount_flags(struct cifs_sb_info *cifs_sb,
					  unsigned int flags)
{
	*(unsigned int *)&cifs_sb->mnt_cifs_flags |= flags;
}

struct cifs_sb_info *cifs_kunit_alloc_sb(void);
struct super_block *cifs_kunit_get_super(struct cifs_sb_info *cifs_sb);
void cifs_kunit_set_io_size(struct cifs_sb_info *cifs_sb, unsigned int size);
void cifs_kunit_set_root(struct cifs_sb_info *cifs_sb, struct dentry *root);
void cifs_kunit_set_good(struct cifs_tcon *tcon);
void cifs_kunit_reconnect(struct cifs_tcon *tcon);
void cifs_kunit_init_inode(struct inode *inode);
void cifs_kunit_keep_handles(struct inode *inode, unsigned long timeout);
void cifs_kunit_fit_ops(struct smb_version_operations *ops);
const char *cifs_kunit_queue_name(const struct workqueue_struct *wq);
void cifs_kunit_prefer_getattr(struct smb_version_operations *ops);
int cifs_kunit_launder(struct address_space *mapping);
u64 cifs_kunit_host_ns(void);

#endif /* _CIFS_KUNIT_COMPAT_H */
