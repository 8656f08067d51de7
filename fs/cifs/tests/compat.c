// SPDX-License-Identifier: GPL-2.0
/*
 * What differs between the kernels that the suites are laid over. See
 * compat.h.
 */
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include "cifsglob.h"
#include "cifsfs.h"
#include "cifsproto.h"
#include "cifs_debug.h"
#include "cifs_fs_sb.h"
#include "fs_context.h"
#include "cifs_fixture.h"
#include "cifs_lockdep.h"
#include "compat.h"
#define CIFS_KUNIT_NO_INTERPOSE
#include "interpose.h"
#ifdef CONFIG_UML
#include <os.h>
#endif

/* The kernel's own. */

/**
 * cifs_kunit_host_ns() - a clock that does not stand still
 *
 * Under UML's time travel the kernel's own has little to do with time.
 *
 * Return: in nanoseconds, since some time or other.
 */
u64 cifs_kunit_host_ns(void)
{
#ifdef CONFIG_UML
	return os_nsecs();
#else
	return ktime_get_ns();
#endif
}

/* The mount. */

static void no_prune(struct work_struct *work)
{
}

/**
 * cifs_kunit_alloc_sb() - make the client's part of a superblock
 *
 * The umount frees it. May sleep.
 *
 * Return: it, or NULL for want of memory.
 */
struct cifs_sb_info *cifs_kunit_alloc_sb(void)
{
	struct cifs_sb_info *cifs_sb = kzalloc(sizeof(*cifs_sb), GFP_KERNEL);

	if (!cifs_sb)
		return NULL;
	cifs_sb->tlink_tree = RB_ROOT;
	spin_lock_init(&cifs_sb->tlink_tree_lock);
	INIT_DELAYED_WORK(&cifs_sb->prune_tlinks, no_prune);
#ifdef CONFIG_CIFS_KUNIT_SB_LINK
	INIT_LIST_HEAD(&cifs_sb->tcon_sb_link);
#endif
#ifdef CONFIG_CIFS_KUNIT_SB_CTX
	cifs_sb->ctx = kzalloc(sizeof(*cifs_sb->ctx), GFP_KERNEL);
	if (!cifs_sb->ctx) {
		kfree(cifs_sb);
		return NULL;
	}
	/* else netfs would negotiate it; without netfs, pages go one by one */
	if (IS_ENABLED(CONFIG_CIFS_KUNIT_NETFS))
		cifs_sb->ctx->wsize = PAGE_SIZE;
#endif
	return cifs_sb;
}

static int set_super(struct super_block *sb, struct fs_context *fc)
{
	return set_anon_super(sb, NULL);
}

/**
 * cifs_kunit_get_super() - make a superblock
 * @cifs_sb: the client's part of it
 *
 * May sleep.
 *
 * Return: the superblock, its s_umount held for writing, or an ERR_PTR().
 */
struct super_block *cifs_kunit_get_super(struct cifs_sb_info *cifs_sb)
{
	struct fs_context *fc = fs_context_for_mount(&cifs_fs_type, 0);
	struct super_block *sb;

	if (IS_ERR(fc))
		return ERR_CAST(fc);
	fc->s_fs_info = cifs_sb;
	sb = sget_fc(fc, NULL, set_super);
	fc->s_fs_info = NULL;
	put_fs_context(fc);
	return sb;
}

/**
 * cifs_kunit_set_root() - let cifs_kill_sb() have the root
 * @cifs_sb: the client's part of the superblock
 * @root: the root; takes a reference, and drops that to one from before; or
 *	  NULL
 */
void cifs_kunit_set_root(struct cifs_sb_info *cifs_sb, struct dentry *root)
{
#ifdef CONFIG_CIFS_KUNIT_SB_ROOT
	dput(cifs_sb->root);
	cifs_sb->root = dget(root);
#endif
}

/**
 * cifs_kunit_set_io_size() - how much one request reads or writes
 * @cifs_sb: what the superblock of the mount has
 * @size: in bytes
 */
void cifs_kunit_set_io_size(struct cifs_sb_info *cifs_sb, unsigned int size)
{
#ifdef CONFIG_CIFS_KUNIT_SB_CTX
	cifs_sb->ctx->rsize = size;
	cifs_sb->ctx->wsize = size;
#else
	cifs_sb->rsize = size;
	cifs_sb->wsize = size;
#endif
}

/**
 * cifs_kunit_set_good() - a connection that nothing is wrong with
 * @tcon: with its session and its server
 */
void cifs_kunit_set_good(struct cifs_tcon *tcon)
{
	struct cifs_ses *ses = tcon->ses;

	ses->server->tcpStatus = CifsGood;
#ifdef CONFIG_CIFS_KUNIT_STATUS
	spin_lock_init(&ses->server->srv_lock);
	ses->ses_status = SES_GOOD;
	tcon->status = TID_GOOD;
#else
	ses->status = CifsGood;
	tcon->tidStatus = CifsGood;
#endif
}

/**
 * cifs_kunit_reconnect() - lose the handles of a tcon, as a reconnect does
 * @tcon: the tcon; it is good again afterwards
 */
void cifs_kunit_reconnect(struct cifs_tcon *tcon)
{
#ifdef CONFIG_CIFS_KUNIT_STATUS
	spin_lock(&tcon->tc_lock);
	tcon->status = TID_NEED_RECON;
	spin_unlock(&tcon->tc_lock);
#endif
	cifs_mark_open_files_invalid(tcon);
#ifdef CONFIG_CIFS_KUNIT_STATUS
	spin_lock(&tcon->tc_lock);
	tcon->status = TID_GOOD;
	spin_unlock(&tcon->tc_lock);
#endif
}

/**
 * cifs_kunit_init_inode() - do what the client does to its new inodes
 * @inode: its size is set
 */
void cifs_kunit_init_inode(struct inode *inode)
{
#ifdef CONFIG_CIFS_KUNIT_NETFS
	netfs_inode_init(&CIFS_I(inode)->netfs, &cifs_req_ops, true);
#endif
}

/**
 * cifs_kunit_keep_handles() - grant a lease that lets the client close later
 * @inode: a regular file
 * @timeout: how long it may keep a handle, in jiffies
 */
void cifs_kunit_keep_handles(struct inode *inode, unsigned long timeout)
{
#ifdef CONFIG_CIFS_KUNIT_DEFERRED_CLOSE
	CIFS_I(inode)->oplock = CIFS_CACHE_RHW_FLG;
	CIFS_I(inode)->lease_granted = true;
	CIFS_SB(inode->i_sb)->ctx->closetimeo = timeout;
#endif
}

/* The fake server: of two functions, the one that is of the member's type. */
#define FIT(member, function)						\
do {									\
	if (__builtin_types_compatible_p(typeof(member),		\
					 typeof(function) *))		\
		(member) = (void *)(function);				\
} while (0)

static int close_rc(const unsigned int xid, struct cifs_tcon *tcon,
		    struct cifs_fid *fid)
{
	return cifs_kunit_serve_close(tcon, fid, CIFS_KUNIT_CLOSE);
}

static void close_void(const unsigned int xid, struct cifs_tcon *tcon,
		       struct cifs_fid *fid)
{
	cifs_kunit_serve_close(tcon, fid, CIFS_KUNIT_CLOSE);
}

static int getattr_rc(const unsigned int xid, struct cifs_tcon *tcon,
		      struct cifsFileInfo *cfile)
{
	return cifs_kunit_serve_close(tcon, &cfile->fid, CIFS_KUNIT_CLOSE_GETATTR);
}

static void getattr_void(const unsigned int xid, struct cifs_tcon *tcon,
			 struct cifsFileInfo *cfile)
{
	cifs_kunit_serve_close(tcon, &cfile->fid, CIFS_KUNIT_CLOSE_GETATTR);
}

static int response_fid(struct cifs_tcon *tcon, struct cifs_fid *fid,
			struct cifsInodeInfo *cinode)
{
	return cifs_kunit_serve_oplock_response(tcon, fid->volatile_fid);
}

static int response_ids(struct cifs_tcon *tcon, __u64 persistent_fid,
			__u64 volatile_fid, __u16 net_fid,
			struct cifsInodeInfo *cinode)
{
	return cifs_kunit_serve_oplock_response(tcon, volatile_fid);
}

static int response_ids_oplock(struct cifs_tcon *tcon, __u64 persistent_fid,
			       __u64 volatile_fid, __u16 net_fid,
			       struct cifsInodeInfo *cinode, unsigned int oplock)
{
	return cifs_kunit_serve_oplock_response(tcon, volatile_fid);
}

#ifdef CONFIG_CIFS_KUNIT_NETFS
#ifdef CONFIG_CIFS_KUNIT_WAS_ASYNC
#define terminated(wdata, len)	cifs_write_subrequest_terminated(wdata, len, false)
#else
#define terminated(wdata, len)	cifs_write_subrequest_terminated(wdata, len)
#endif

static void async_writev(struct cifs_io_subrequest *wdata)
{
	int rc = cifs_kunit_serve_write(wdata->server,
					wdata->req->cfile->fid.volatile_fid);

	terminated(wdata, rc ?: wdata->subreq.len);
}
#else

static int async_readv(struct cifs_readdata *rdata)
{
	rdata->got_bytes = rdata->bytes;
	kref_get(&rdata->refcount);
	cifs_kunit_serve_request(rdata->server, &rdata->work);
	return 0;
}

static int async_writev(struct cifs_writedata *wdata,
			void (*release)(struct kref *kref))
{
	kref_get(&wdata->refcount);
	/* a write that is retried has none set */
	cifs_kunit_serve_request(tlink_tcon(wdata->cfile->tlink)->ses->server,
				 &wdata->work);
	return 0;
}
#endif /* CONFIG_CIFS_KUNIT_NETFS */

/**
 * cifs_kunit_fit_ops() - set what has not the same type in all kernels
 * @ops: operations of the fake server
 */
void cifs_kunit_fit_ops(struct smb_version_operations *ops)
{
	FIT(ops->close, close_rc);
	FIT(ops->close, close_void);
	FIT(ops->oplock_response, response_fid);
	FIT(ops->oplock_response, response_ids);
	FIT(ops->oplock_response, response_ids_oplock);
	ops->async_writev = async_writev;
#ifndef CONFIG_CIFS_KUNIT_NETFS
	ops->async_readv = async_readv;
#endif
}

/**
 * cifs_kunit_prefer_getattr() - have the fake server know ->close_getattr()
 * @ops: its operations
 */
void cifs_kunit_prefer_getattr(struct smb_version_operations *ops)
{
	FIT(ops->close_getattr, getattr_rc);
	FIT(ops->close_getattr, getattr_void);
}

/* The client's writes, between the page's maps. */

static struct address_space_operations mapped_ops;

#ifdef CONFIG_CIFS_KUNIT_NETFS

/* netfs has the page locked somewhere in it, as file.c calls it: interpose.h */
ssize_t cifs_kunit_buffered_write(struct kiocb *iocb, struct iov_iter *from,
				  struct netfs_group *group)
{
	bool mapped = iocb->ki_filp->f_mapping->a_ops == &mapped_ops;
	ssize_t rc;

	if (mapped) {
		lock_map_acquire(&cifs_kunit_pg_locked);
		cifs_kunit_might_wait_writeback();
	}
	rc = netfs_buffered_write_iter_locked(iocb, from, group);
	if (mapped)
		lock_map_release(&cifs_kunit_pg_locked);
	return rc;
}

static void map_ops(void)
{
}

static int write_out(struct page *page)
{
	struct cifsInodeInfo *cinode = CIFS_I(page->mapping->host);
	struct cifsFileInfo *cfile;
	int rc;

	rc = cifs_get_writable_file(cinode, 0, &cfile);
	if (rc)
		return rc;
	rc = cifs_kunit_serve_write(tlink_tcon(cfile->tlink)->ses->server,
				    cfile->fid.volatile_fid);
	cifsFileInfo_put(cfile);
	return rc;
}

/**
 * cifs_kunit_launder() - drop the pages of a file, the dirty one written first
 * @mapping: the file's
 *
 * Since netfs writes for it the client has no ->launder_folio() any more. This
 * stands in for it: the steps that it took, under the locks that it had. May
 * sleep.
 *
 * Return: 0 or a negative errno.
 */
int cifs_kunit_launder(struct address_space *mapping)
{
	struct page *page = find_get_page(mapping, 0);
	int rc = 0;

	if (page) {
		cifs_kunit_lock_page(page);
		if (folio_clear_dirty_for_io(page_folio(page))) {
			cifs_kunit_set_writeback(page);
			rc = write_out(page);
			cifs_kunit_end_writeback(page);
		}
		cifs_kunit_unlock_page(page);
		put_page(page);
	}
	return rc ?: invalidate_inode_pages2(mapping);
}

#else

typedef int (*begin_t)(struct file *file, struct address_space *mapping,
		       loff_t pos, unsigned int len, struct page **page,
		       void **fsdata);
typedef int (*begin_flags_t)(struct file *file, struct address_space *mapping,
			     loff_t pos, unsigned int len, unsigned int flags,
			     struct page **page, void **fsdata);

/* grab_cache_page_write_begin() waits for the one, then for the other */
static void before_begin(void)
{
	lock_map_acquire(&cifs_kunit_pg_locked);
	cifs_kunit_might_wait_writeback();
}

static int after_begin(int rc)
{
	if (rc)
		lock_map_release(&cifs_kunit_pg_locked);
	return rc;
}

static int begin(struct file *file, struct address_space *mapping, loff_t pos,
		 unsigned int len, struct page **page, void **fsdata)
{
	begin_t client = (void *)cifs_addr_ops.write_begin;

	before_begin();
	return after_begin(client(file, mapping, pos, len, page, fsdata));
}

static int begin_flags(struct file *file, struct address_space *mapping,
		       loff_t pos, unsigned int len, unsigned int flags,
		       struct page **page, void **fsdata)
{
	begin_flags_t client = (void *)cifs_addr_ops.write_begin;

	before_begin();
	return after_begin(client(file, mapping, pos, len, flags, page, fsdata));
}

static int end(struct file *file, struct address_space *mapping, loff_t pos,
	       unsigned int len, unsigned int copied, struct page *page,
	       void *fsdata)
{
	int rc;

	rc = cifs_addr_ops.write_end(file, mapping, pos, len, copied, page,
				     fsdata);
	lock_map_release(&cifs_kunit_pg_locked);
	return rc;
}

#ifdef CONFIG_CIFS_KUNIT_LAUNDER_FOLIO
#define launder_op	launder_folio
#define laundered_t	struct folio
#else
#define launder_op	launder_page
#define laundered_t	struct page
#endif

/* Called with the page locked, sets and ends its writeback. */
static int launder(laundered_t *page)
{
	int rc;

	lock_map_acquire(&cifs_kunit_pg_locked);
	cifs_kunit_begin_writeback();
	rc = cifs_addr_ops.launder_op(page);
	lock_map_release(&cifs_kunit_pg_writeback);
	lock_map_release(&cifs_kunit_pg_locked);
	return rc;
}

static void map_ops(void)
{
	FIT(mapped_ops.write_begin, begin);
	FIT(mapped_ops.write_begin, begin_flags);
	mapped_ops.write_end = end;
	mapped_ops.launder_op = launder;
}

/**
 * cifs_kunit_launder() - drop the pages of a file, the dirty ones written first
 * @mapping: the file's
 *
 * May sleep.
 *
 * Return: 0 or a negative errno.
 */
int cifs_kunit_launder(struct address_space *mapping)
{
	return invalidate_inode_pages2(mapping);
}

#endif /* CONFIG_CIFS_KUNIT_NETFS */

/**
 * cifs_kunit_map_pages() - have lockdep see the page bits in the client's code
 * @inode: a regular file of the fixture
 */
void cifs_kunit_map_pages(struct inode *inode)
{
	mapped_ops = cifs_addr_ops;
	map_ops();
	inode->i_mapping->a_ops = &mapped_ops;
}

/**
 * cifs_kunit_queue_name() - look up what a queue of the client is called
 * @wq: the queue
 *
 * Return: the name given to alloc_workqueue(), or NULL if it is none of those
 * that open files have to do with.
 */
const char *cifs_kunit_queue_name(const struct workqueue_struct *wq)
{
	return wq == cifsiod_wq ? "cifsiod" :
	       wq == decrypt_wq ? "smb3decryptd" :
	       wq == cifs_kunit_put_wq() ? "cifsfileinfoput" :
	       wq == cifsoplockd_wq ? "cifsoplockd" :
	       wq == cifs_kunit_deferred_wq() ? "deferredclose" :
	       wq == cifs_kunit_serverclose_wq() ? "serverclose" :
	       wq == cifs_kunit_cfid_put_wq() ? "cfid_put_wq" : NULL;
}
