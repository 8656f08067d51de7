/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interfaces of the newest kernel for the tests, on kernels that lack them.
 * What a kernel has is told by its headers and macros.
 */
#ifndef _CIFS_BACKPORT_H
#define _CIFS_BACKPORT_H

#include <linux/dcache.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/stringhash.h>

/* In fs/internal.h before 6.5. */
int vfs_path_lookup(struct dentry *dentry, struct vfsmount *mnt,
		    const char *name, unsigned int flags, struct path *path);

/* <linux/filelock.h> and struct mnt_idmap are both of 6.3. */
#if !__has_include(<linux/filelock.h>)
#define mnt_idmap	user_namespace

static inline struct user_namespace *user_namespace(const struct vfsmount *mnt)
{
	return mnt_user_ns(mnt);
}

static inline struct file *file_close_fd(unsigned int fd)
{
	return close_fd_get_file(fd);
}
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
	int rc = vfs_mkdir(idmap, dir, dentry, mode);

	if (!rc)
		return dentry;
	end_creating(dentry);
	return ERR_PTR(rc);
}

#define vfs_mkdir(idmap, dir, dentry, mode, delegated) \
	backport_mkdir(idmap, dir, dentry, mode)

#define vfs_rmdir(idmap, dir, dentry, delegated) \
	vfs_rmdir(idmap, dir, dentry)

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
#if __has_include(<linux/filelock.h>)
		.old_mnt_idmap = rd->mnt_idmap,
		.new_mnt_idmap = rd->mnt_idmap,
#else
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

#endif /* _CIFS_BACKPORT_H */
