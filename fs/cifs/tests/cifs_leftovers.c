// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel, not the client, says is still there. See cifs_leftovers.h.
 *
 * Some of it only the kernel's own parts can look up; hence their headers.
 */
#define CIFS_KUNIT_NO_INTERPOSE
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kasan.h>
#include <linux/mount.h>
#include <linux/mm.h>
#include <linux/namei.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <../fs/internal.h>
#include <../mm/slab.h>
#include <../security/keys/internal.h>
#include "cifs_leftovers.h"

/**
 * cifs_kunit_mount_proc() - mount proc, to look things up in it
 *
 * May sleep.
 *
 * Return: the mount, for kern_unmount(), or an ERR_PTR().
 */
struct vfsmount *cifs_kunit_mount_proc(void)
{
	struct file_system_type *type = get_fs_type("proc");
	struct vfsmount *mnt;

	if (!type)
		return ERR_PTR(-ENODEV);
	mnt = kern_mount(type);
	put_filesystem(type);
	return mnt;
}

/**
 * cifs_kunit_lookup() - look a path up
 * @mnt: where it starts
 * @name: the path
 * @path: what is found, for path_put()
 *
 * May sleep.
 *
 * Return: 0, or a negative errno.
 */
int cifs_kunit_lookup(struct vfsmount *mnt, const char *name, struct path *path)
{
	return vfs_path_lookup(mnt->mnt_root, mnt, name, 0, path);
}

/* A queue that makes progress under memory pressure has a thread for that. */
static bool rescuer_is_there(const char *name)
{
	char comm[TASK_COMM_LEN], new_comm[TASK_COMM_LEN];
	struct task_struct *task;
	bool found = false;

	strscpy(comm, name, sizeof(comm));
	scnprintf(new_comm, sizeof(new_comm), "kworker/R-%s", name);
	rcu_read_lock();
	for_each_process(task) {
		if (task->flags & PF_KTHREAD &&
		    (!strcmp(task->comm, comm) || !strcmp(task->comm, new_comm)))
			found = true;
	}
	rcu_read_unlock();
	return found;
}

static bool cache_is_there(const char *name)
{
	struct kmem_cache *cache;
	bool found = false;

	mutex_lock(&slab_mutex);
	list_for_each_entry(cache, &slab_caches, list)
		found |= !strcmp(cache->name, name);
	mutex_unlock(&slab_mutex);
	return found;
}

static bool key_type_is_there(const char *name)
{
	struct key_type *type = key_type_lookup(name);

	if (IS_ERR(type))
		return false;
	key_type_put(type);
	return true;
}

/* There is no look-up to be called, but no two have the same name. */
static bool genl_is_there(const char *name)
{
	static struct genl_family probe = { .module = THIS_MODULE };

	strscpy(probe.name, name, sizeof(probe.name));
	if (genl_register_family(&probe))
		return true;
	genl_unregister_family(&probe);
	return false;
}

static bool fs_is_there(const char *name)
{
	struct file_system_type *type = get_fs_type(name);

	if (type)
		put_filesystem(type);
	return type;
}

static bool proc_is_there(const struct cifs_kunit_ledger *ledger,
			  const struct cifs_kunit_step *step,
			  struct vfsmount *proc)
{
	const struct cifs_kunit_step *dir = cifs_kunit_step_of(ledger, step->needs);
	char name[2 * CIFS_KUNIT_STEP_NAME];
	struct path path;

	scnprintf(name, sizeof(name), "%s/%s", dir ? dir->name : ".", step->name);
	if (cifs_kunit_lookup(proc, name, &path))
		return false;
	path_put(&path);
	return true;
}

/**
 * cifs_kunit_is_there() - ask the kernel for what a step has made
 * @ledger: what the step is in; closed, if it is a cred or keyring
 * @step: the step
 * @proc: from cifs_kunit_mount_proc()
 *
 * Of queues, only those with WQ_MEM_RECLAIM can be seen; of caches, only those
 * that are not merged with others, see cifs_kunit_cache_refs(); no pools, but
 * one that is left keeps its cache from being destroyed. May sleep.
 *
 * Return: whether it is there, under the same name; of a cred or keyring,
 * whether it is that very one.
 */
bool cifs_kunit_is_there(const struct cifs_kunit_ledger *ledger,
			 const struct cifs_kunit_step *step,
			 struct vfsmount *proc)
{
	switch (step->kind) {
	case CIFS_KUNIT_QUEUE:
		return rescuer_is_there(step->name);
	case CIFS_KUNIT_CACHE:
		return cache_is_there(step->name);
	case CIFS_KUNIT_CRED:
	case CIFS_KUNIT_KEYRING:
		return step->refs;
	case CIFS_KUNIT_KEY_TYPE:
		return key_type_is_there(step->name);
	case CIFS_KUNIT_GENL:
		return genl_is_there(step->name);
	case CIFS_KUNIT_FS:
		return fs_is_there(step->name);
	case CIFS_KUNIT_PROC:
		return proc_is_there(ledger, step, proc);
	default:
		return false;
	}
}

/**
 * cifs_kunit_cache_refs() - count the slab caches of the whole kernel
 *
 * May sleep.
 *
 * Return: how many there are: one that is merged with another counts as well,
 * as does one that could not be destroyed for the objects it still has.
 */
long cifs_kunit_cache_refs(void)
{
	struct kmem_cache *cache;
	long refs = 0;

	mutex_lock(&slab_mutex);
	list_for_each_entry(cache, &slab_caches, list)
		refs += cache->refcount ?: 1;
	mutex_unlock(&slab_mutex);
	return refs;
}
