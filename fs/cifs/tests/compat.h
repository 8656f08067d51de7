/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that the suites are laid over: the one
 * place for it, chosen by what the tree has (see Kconfig).
 */
#ifndef _CIFS_KUNIT_COMPAT_H
#define _CIFS_KUNIT_COMPAT_H

#include <kunit/test.h>
#include "cifsglob.h"
#include "cifsproto.h"

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

static inline struct cifs_tcon *cifs_kunit_alloc_tcon(void)
{
	return tconInfoAlloc(netfs_trace_tcon_ref_new);
}

static inline void cifs_kunit_free_tcon(struct cifs_tcon *tcon)
{
	tconInfoFree(tcon, netfs_trace_tcon_ref_free);
}

static inline struct cifsFileInfo *
cifs_kunit_new_fileinfo(struct cifs_fid *fid, struct file *file,
			struct tcon_link *tlink, __u32 oplock)
{
	return cifs_new_fileinfo(fid, file, tlink, oplock, NULL);
}

#endif /* _CIFS_KUNIT_COMPAT_H */
