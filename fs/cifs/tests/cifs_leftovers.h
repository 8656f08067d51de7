/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel, not the client, says is still there of the client.
 */
#ifndef _CIFS_LEFTOVERS_H
#define _CIFS_LEFTOVERS_H

#include <linux/mount.h>
#include "interpose.h"

struct vfsmount *cifs_kunit_mount_proc(void);
int cifs_kunit_lookup(struct vfsmount *mnt, const char *name, struct path *path);
bool cifs_kunit_is_there(const struct cifs_kunit_ledger *ledger,
			 const struct cifs_kunit_step *step,
			 struct vfsmount *proc);
long cifs_kunit_cache_refs(void);

#endif /* _CIFS_LEFTOVERS_H */
