/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interfaces of the newest kernel for the tests, on kernels that lack them.
 * What a kernel has is told by its headers and macros.
 */
#ifndef _CIFS_BACKPORT_H
#define _CIFS_BACKPORT_H

#include <kunit/test.h>
#include <linux/dcache.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kmsg_dump.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/stringhash.h>

/* In fs/internal.h before 6.5. */
int vfs_path_lookup(struct dentry *dentry, struct vfsmount *mnt,
		    const char *name, unsigned int flags, struct path *path);

/* <linux/filelock.h> and struct mnt_idmap are both of 6.3. */
#if !__has_include("linux/filelock.h")
#define mnt_idmap	user_namespace

static inline struct user_namespace *user_namespace(const struct vfsmount *mnt)
{
#if __has_include("linux/mnt_idmapping.h")
	return mnt_user_ns(mnt);
#else
	return &init_user_ns;
#endif
}

static inline struct file *file_close_fd(unsigned int fd)
{
#if __has_include("linux/mnt_idmapping.h")
	return close_fd_get_file(fd);
#else
	struct file *file;

	/* with a reference of its own beside that of the descriptor */
	if (!close_fd_get_file(fd, &file))
		fput(file);
	return file;
#endif
}
#endif

/* <linux/mnt_idmapping.h> is of 5.16, and all this older. */
#if !__has_include("linux/mnt_idmapping.h")

#define mid_count		midCount
#define buf_alloc_count		bufAllocCount
#define small_buf_alloc_count	smBufAllocCount

#define SMB2_SUPER_MAGIC	0xfe534d42

#define smb2_read_req		smb2_read_plain_req
#define SMB2_LOCKFLAG_EXCLUSIVE	SMB2_LOCKFLAG_EXCLUSIVE_LOCK

#define KUNIT_ASSERT_NOT_NULL(test, ptr) \
	KUNIT_ASSERT_TRUE(test, (ptr) != NULL)
#define KUNIT_ASSERT_NOT_NULL_MSG(test, ptr, ...) \
	KUNIT_ASSERT_TRUE_MSG(test, (ptr) != NULL, __VA_ARGS__)
#define KUNIT_EXPECT_NULL(test, ptr) \
	KUNIT_EXPECT_TRUE(test, (ptr) == NULL)

#define task_is_running(task)	(READ_ONCE((task)->state) == TASK_RUNNING)

static inline struct file *backport_open_root(const struct path *root, const char *name,
					      int flags, umode_t mode)
{
	return file_open_root(root->dentry, root->mnt, name, flags, mode);
}

#define file_open_root(root, name, flags, mode) \
	backport_open_root(root, name, flags, mode)

#define vfs_unlink(idmap, dir, dentry, delegated) \
	vfs_unlink(dir, dentry, delegated)

static inline struct dentry *lookup_one_qstr_excl(const struct qstr *name,
						  struct dentry *base,
						  unsigned int flags)
{
	return lookup_one_len(name->name, base, name->len);
}

#define kmsg_dump_iter	kmsg_dumper

static inline void backport_kmsg_dump_rewind(struct kmsg_dumper *iter)
{
	memset(iter, 0, sizeof(*iter));
	iter->active = true;
	kmsg_dump_rewind(iter);
}

#define kmsg_dump_rewind(iter)	backport_kmsg_dump_rewind(iter)

/* ->actor() returned an error, and not whether to go on. */
struct backport_dir_context {
	bool (*actor)(struct backport_dir_context *ctx, const char *name, int len,
		      loff_t offset, u64 ino, unsigned int type);
	loff_t pos;
};

struct backport_old_dir_context {
	struct dir_context ctx;
	struct backport_dir_context *real;
};

static inline int backport_actor(struct dir_context *ctx, const char *name,
				 int len, loff_t offset, u64 ino, unsigned int type)
{
	struct backport_old_dir_context *old;

	old = container_of(ctx, struct backport_old_dir_context, ctx);
	return old->real->actor(old->real, name, len, offset, ino, type) ? 0 : -ENOSPC;
}

static inline int backport_iterate_dir(struct file *file,
				       struct backport_dir_context *ctx)
{
	struct backport_old_dir_context old = {
		.ctx.actor = backport_actor,
		.ctx.pos = ctx->pos,
		.real = ctx,
	};
	int rc = iterate_dir(file, &old.ctx);

	ctx->pos = old.ctx.pos;
	return rc;
}

#define dir_context		backport_dir_context
#define iterate_dir(file, ctx)	backport_iterate_dir(file, ctx)

#endif

/* QSTR_LEN() is of 6.16, and so is the last of what follows, or younger. */
#ifndef QSTR_LEN

static inline int backport_hash(struct dentry *parent, struct qstr *name)
{
	name->hash = full_name_hash(parent, name->name, name->len);
	if (parent->d_flags & DCACHE_OP_HASH)
		return parent->d_op->d_hash(parent, name);
	return 0;
}

static inline void end_creating(struct dentry *child)
{
	if (!IS_ERR(child)) {
		inode_unlock(d_inode(child->d_parent));
		dput(child);
	}
}

static inline void end_removing(struct dentry *child)
{
	end_creating(child);
}

static inline struct dentry *backport_start(struct dentry *parent,
					    struct qstr *name,
					    unsigned int flags)
{
	int rc = backport_hash(parent, name);
	struct dentry *dentry;

	if (rc)
		return ERR_PTR(rc);
	inode_lock_nested(d_inode(parent), I_MUTEX_PARENT);
	dentry = lookup_one_qstr_excl(name, parent, flags);
	if (IS_ERR(dentry)) {
		inode_unlock(d_inode(parent));
	} else if (!flags && d_is_negative(dentry)) {
		end_creating(dentry);
		dentry = ERR_PTR(-ENOENT);
	}
	return dentry;
}

static inline struct dentry *start_creating(struct mnt_idmap *idmap,
					    struct dentry *parent,
					    struct qstr *name)
{
	return backport_start(parent, name, LOOKUP_CREATE);
}

static inline struct dentry *start_removing(struct mnt_idmap *idmap,
					    struct dentry *parent,
					    struct qstr *name)
{
	return backport_start(parent, name, 0);
}

static inline struct dentry *backport_mkdir(struct mnt_idmap *idmap,
					    struct inode *dir,
					    struct dentry *dentry, umode_t mode)
{
#if __has_include("linux/mnt_idmapping.h")
	int rc = vfs_mkdir(idmap, dir, dentry, mode);
#else
	int rc = vfs_mkdir(dir, dentry, mode);
#endif

	if (!rc)
		return dentry;
	end_creating(dentry);
	return ERR_PTR(rc);
}

#define vfs_mkdir(idmap, dir, dentry, mode, delegated) \
	backport_mkdir(idmap, dir, dentry, mode)

#if __has_include("linux/mnt_idmapping.h")
#define vfs_rmdir(idmap, dir, dentry, delegated) \
	vfs_rmdir(idmap, dir, dentry)
#else
#define vfs_rmdir(idmap, dir, dentry, delegated) \
	vfs_rmdir(dir, dentry)
#endif

struct backport_renamedata {
	struct mnt_idmap *mnt_idmap;
	struct dentry *old_parent;
	struct dentry *old_dentry;
	struct dentry *new_parent;
	struct dentry *new_dentry;
	unsigned int flags;
};

static inline void end_renaming(struct backport_renamedata *rd)
{
	unlock_rename(rd->old_parent, rd->new_parent);
	dput(rd->old_dentry);
	dput(rd->new_dentry);
}

static inline int start_renaming(struct backport_renamedata *rd, int flags,
				 struct qstr *old, struct qstr *new)
{
	struct dentry *trap;
	int rc;

	rc = backport_hash(rd->old_parent, old) ?: backport_hash(rd->new_parent, new);
	if (rc)
		return rc;
	trap = lock_rename(rd->old_parent, rd->new_parent);
	if (IS_ERR(trap))
		return PTR_ERR(trap);
	rd->new_dentry = NULL;
	rd->old_dentry = lookup_one_qstr_excl(old, rd->old_parent, flags);
	if (IS_ERR(rd->old_dentry)) {
		rc = PTR_ERR(rd->old_dentry);
		rd->old_dentry = NULL;
		goto err;
	}
	rc = -ENOENT;
	if (d_is_negative(rd->old_dentry))
		goto err;
	rd->new_dentry = lookup_one_qstr_excl(new, rd->new_parent,
					      flags | LOOKUP_CREATE | LOOKUP_RENAME_TARGET);
	if (IS_ERR(rd->new_dentry)) {
		rc = PTR_ERR(rd->new_dentry);
		rd->new_dentry = NULL;
		goto err;
	}
	rc = rd->old_dentry == trap ? -EINVAL : rd->new_dentry == trap ? -ENOTEMPTY : 0;
	if (!rc)
		return 0;
err:
	end_renaming(rd);
	return rc;
}

static inline int backport_rename(struct backport_renamedata *rd)
{
	struct renamedata old = {
#if __has_include("linux/filelock.h")
		.old_mnt_idmap = rd->mnt_idmap,
		.new_mnt_idmap = rd->mnt_idmap,
#elif __has_include("linux/mnt_idmapping.h")
		.old_mnt_userns = rd->mnt_idmap,
		.new_mnt_userns = rd->mnt_idmap,
#endif
		.old_dir = d_inode(rd->old_parent),
		.old_dentry = rd->old_dentry,
		.new_dir = d_inode(rd->new_parent),
		.new_dentry = rd->new_dentry,
		.flags = rd->flags,
	};

	return vfs_rename(&old);
}

#define renamedata	backport_renamedata
#define vfs_rename(rd)	backport_rename(rd)

#endif /* QSTR_LEN */

/* The speed attribute of 6.6. */
#ifndef KUNIT_CASE_SLOW
#define KUNIT_CASE_SLOW(test_name)	KUNIT_CASE(test_name)
#endif

#ifndef KUNIT_CASE_PARAM_ATTR
#define KUNIT_CASE_PARAM_ATTR(test_name, gen_params, ...) \
	KUNIT_CASE_PARAM(test_name, gen_params)
#endif

#ifndef CONFIG_CIFS_KUNIT_CFID_PUT
#define cifs_mnt_waits_for_dir_breaks()	false
#endif

#ifndef CONFIG_CIFS_KUNIT_NETFS
#define cifs_mnt_direct_io_is_killable()	true
#endif

#ifndef CONFIG_CIFS_KUNIT_SERVERCLOSE
#define cifs_mnt_retries_close()	false
#endif

/* A client that closes at once has no option to defer it. */
#include "cifsglob.h"
#include "cifs_debug.h"
#include "fs_context.h"
#ifndef SMB3_MAX_DCLOSETIMEO
#define cifs_mnt_defers_close()	false
#define cifs_mnt_outlives_forced_umount()	false
#define cifs_mnt_counts_killed_open()	false

static inline struct vfsmount *backport_kern_mount(struct file_system_type *type, int flags,
						   const char *name, char *data)
{
	char *option = strstr(data, "closetimeo="), *next;

	if (option) {
		next = option + strcspn(option, ",");
		memmove(option, next, strlen(next) + 1);
	}
	return vfs_kern_mount(type, flags, name, data);
}

#define vfs_kern_mount(type, flags, name, data) \
	backport_kern_mount(type, flags, name, data)
#endif

#endif /* _CIFS_BACKPORT_H */
