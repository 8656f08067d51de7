/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Read before each file of the client (see its Makefile): the calls by which
 * init_cifs() makes things, and those by which they are unmade, go through
 * the suites, which write them down and make them fail. So do those by which
 * it gives way to others, for a scheduler.
 */
#ifndef _CIFS_KUNIT_INTERPOSE_H
#define _CIFS_KUNIT_INTERPOSE_H

#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/key.h>
#include <linux/key-type.h>
#include <linux/mempool.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#ifdef CONFIG_CIFS_KUNIT_NETFS
#include <linux/netfs.h>
#endif

#define CIFS_KUNIT_STEPS	64
#define CIFS_KUNIT_STEP_NAME	40

/* What a step makes. */
enum cifs_kunit_kind {
	CIFS_KUNIT_QUEUE,
	CIFS_KUNIT_CACHE,
	CIFS_KUNIT_POOL,
	CIFS_KUNIT_CRED,
	CIFS_KUNIT_KEYRING,
	CIFS_KUNIT_KEY_TYPE,
	CIFS_KUNIT_GENL,
	CIFS_KUNIT_FS,
	CIFS_KUNIT_PROC,
	CIFS_KUNIT_KINDS
};

/**
 * struct cifs_kunit_step - a call that made something
 * @kind: what it made
 * @name: its name; of a pool that of its cache, of a cred that of @func
 * @func: the client's function that made the call
 * @obj: what was made; only to be compared, once it is unmade
 * @needs: what must not be unmade before it, or NULL: the cache of a pool,
 *	   the directory of a proc entry
 * @flags: WQ_*, of a queue
 * @in_place: of a pool: it is memory of the client's own
 * @unmade: its turn among all that was unmade, from 1; 0: it stands
 * @gone: of a queue: it has been drained and destroyed
 * @refs: references that others than the ledger held when the ledger was
 *	  closed; of creds and keyrings
 */
struct cifs_kunit_step {
	enum cifs_kunit_kind kind;
	char name[CIFS_KUNIT_STEP_NAME];
	const char *func;
	const void *obj;
	const void *needs;
	unsigned int flags;
	bool in_place;
	unsigned int unmade;
	bool gone;
	unsigned long refs;
};

/**
 * struct cifs_kunit_ledger - what the client has made and unmade, in order
 * @fail_at: which making call is made to fail, from 1; 0: none
 * @on_unmake: called before a step is unmade, may be NULL
 * @data: for @on_unmake
 * @nr_calls: making calls, those that failed included
 * @nr_failed: how many of them failed, for whatever reason
 * @failed: the first of these
 * @failed_rc: what it was answered; -ENOMEM if that was NULL
 * @nr_steps: how many made something
 * @steps: these, in order; those that found no room are only counted
 * @nr_unmade: how many of the steps have been unmade
 * @nr_wrong: calls that would have unmade what does not stand
 * @wrong: the first of these
 * @nr_late: works queued onto a queue that was destroyed
 * @late: the first of these
 */
struct cifs_kunit_ledger {
	unsigned int fail_at;
	void (*on_unmake)(struct cifs_kunit_ledger *ledger,
			  const struct cifs_kunit_step *step);
	void *data;
	unsigned int nr_calls;
	unsigned int nr_failed;
	struct cifs_kunit_step failed;
	int failed_rc;
	unsigned int nr_steps;
	struct cifs_kunit_step steps[CIFS_KUNIT_STEPS];
	unsigned int nr_unmade;
	unsigned int nr_wrong;
	char wrong[2 * CIFS_KUNIT_STEP_NAME];
	unsigned int nr_late;
	char late[2 * CIFS_KUNIT_STEP_NAME];
};

/**
 * struct cifs_kunit_scheduler - decides in which order the client goes on
 * @queue: a work is queued, which may wait for its time; any context. Return:
 *	   whether the scheduler runs it, and then in @queued what queue_work()
 *	   would
 * @cancel: a work is cancelled. Return: whether the scheduler had it pending
 * @flush: a queue is flushed: all that the scheduler has of it must run
 * @sleep: the client sleeps for a time. Return: whether it has
 * @unlocked: a spinlock of this name has been dropped; any context
 */
struct cifs_kunit_scheduler {
	bool (*queue)(struct workqueue_struct *wq, struct work_struct *work,
		      bool delayed, bool *queued);
	bool (*cancel)(struct work_struct *work);
	void (*flush)(struct workqueue_struct *wq);
	bool (*sleep)(void);
	void (*unlocked)(const char *name);
};

/* NULL: the kernel's own. */
extern const struct cifs_kunit_scheduler *cifs_kunit_scheduler;

/* in cifs_fixture.c */
extern bool cifs_kunit_untangle;
/* Called before the client queues a work, from any context; may be NULL. */
extern void (*cifs_kunit_on_queueing)(const char *func,
				      struct workqueue_struct *wq);

extern bool cifs_kunit_blind;

void cifs_kunit_open_ledger(struct cifs_kunit_ledger *ledger);
void cifs_kunit_close_ledger(void);
void cifs_kunit_unmake_rest(struct cifs_kunit_ledger *ledger);
void cifs_kunit_client_comes_up(void);
void cifs_kunit_client_is_down(void);
const struct cifs_kunit_ledger *cifs_kunit_own_ledger(void);
const char *cifs_kunit_kind_name(enum cifs_kunit_kind kind);
const struct cifs_kunit_step *
cifs_kunit_step_of(const struct cifs_kunit_ledger *ledger, const void *obj);
const struct cifs_kunit_step *
cifs_kunit_unmade(const struct cifs_kunit_ledger *ledger,
		  enum cifs_kunit_kind kind, unsigned int n);

__printf(2, 5) struct workqueue_struct *
cifs_kunit_alloc_workqueue(const char *func, const char *fmt,
			   unsigned int flags, int max_active, ...);
void cifs_kunit_destroy_workqueue(struct workqueue_struct *wq);
bool cifs_kunit_queue_work(const char *func, struct workqueue_struct *wq,
			   struct work_struct *work);
bool cifs_kunit_queue_delayed_work(const char *func,
				   struct workqueue_struct *wq,
				   struct delayed_work *dwork,
				   unsigned long delay);
bool cifs_kunit_mod_delayed_work(const char *func, struct workqueue_struct *wq,
				 struct delayed_work *dwork,
				 unsigned long delay);
bool cifs_kunit_cancel_work_sync(struct work_struct *work);
bool cifs_kunit_cancel_delayed_work(struct delayed_work *dwork);
bool cifs_kunit_cancel_delayed_work_sync(struct delayed_work *dwork);
void cifs_kunit_flush_workqueue(struct workqueue_struct *wq);
void cifs_kunit_msleep(unsigned int msecs);
/* in cifs_fixture.c */
void cifs_kunit_kill_anon_super(struct super_block *sb);

struct kmem_cache *
cifs_kunit_kmem_cache_create(const char *func, const char *name,
			     unsigned int size, unsigned int align,
			     slab_flags_t flags, void (*ctor)(void *obj));
struct kmem_cache *
cifs_kunit_kmem_cache_create_usercopy(const char *func, const char *name,
				      unsigned int size, unsigned int align,
				      slab_flags_t flags,
				      unsigned int useroffset,
				      unsigned int usersize,
				      void (*ctor)(void *obj));
void cifs_kunit_kmem_cache_destroy(struct kmem_cache *cache);

mempool_t *cifs_kunit_mempool_create_slab_pool(const char *func, int min_nr,
					       struct kmem_cache *cache);
void cifs_kunit_mempool_destroy(mempool_t *pool);
int cifs_kunit_mempool_init_slab_pool(const char *func, mempool_t *pool,
				      int min_nr, struct kmem_cache *cache);
void cifs_kunit_mempool_exit(mempool_t *pool);

struct cred *cifs_kunit_prepare_kernel_cred(const char *func,
					    struct task_struct *daemon);
void cifs_kunit_put_cred(const struct cred *cred);
struct key *cifs_kunit_keyring_alloc(const char *func, const char *description,
				     kuid_t uid, kgid_t gid,
				     const struct cred *cred, key_perm_t perm,
				     unsigned long flags,
				     struct key_restriction *restrict_link,
				     struct key *dest);
void cifs_kunit_key_put(struct key *key);
int cifs_kunit_register_key_type(const char *func, struct key_type *type);
void cifs_kunit_unregister_key_type(struct key_type *type);

int cifs_kunit_genl_register_family(const char *func,
				    struct genl_family *family);
int cifs_kunit_genl_unregister_family(const struct genl_family *family);

int cifs_kunit_register_filesystem(const char *func,
				   struct file_system_type *type);
int cifs_kunit_unregister_filesystem(struct file_system_type *type);

struct proc_dir_entry *cifs_kunit_proc_mkdir(const char *func, const char *name,
					     struct proc_dir_entry *parent);
struct proc_dir_entry *
cifs_kunit_proc_create_single_data(const char *func, const char *name,
				   umode_t mode, struct proc_dir_entry *parent,
				   int (*show)(struct seq_file *, void *),
				   void *data);
struct proc_dir_entry *cifs_kunit_proc_create(const char *func,
					      const char *name, umode_t mode,
					      struct proc_dir_entry *parent,
					      const struct proc_ops *ops);
void cifs_kunit_remove_proc_entry(const char *name,
				  struct proc_dir_entry *parent);
int cifs_kunit_remove_proc_subtree(const char *name,
				   struct proc_dir_entry *parent);
void cifs_kunit_proc_remove(struct proc_dir_entry *entry);
#ifdef CONFIG_CIFS_KUNIT_NETFS
ssize_t cifs_kunit_buffered_write(struct kiocb *iocb, struct iov_iter *from,
				  struct netfs_group *group);
#endif

#ifndef CIFS_KUNIT_NO_INTERPOSE

static inline void cifs_kunit_spin_unlock(spinlock_t *lock, const char *name)
{
	spin_unlock(lock);
	if (cifs_kunit_scheduler)
		cifs_kunit_scheduler->unlocked(name);
}

#undef spin_unlock
#define spin_unlock(lock)						\
	cifs_kunit_spin_unlock(lock, #lock)
#undef msleep
#define msleep			cifs_kunit_msleep

#undef alloc_workqueue
#define alloc_workqueue(fmt, flags, max_active, ...)			\
	cifs_kunit_alloc_workqueue(__func__, fmt, flags, max_active,	\
				   ##__VA_ARGS__)
#undef destroy_workqueue
#define destroy_workqueue	cifs_kunit_destroy_workqueue

#undef queue_work
#define queue_work(...)							\
	cifs_kunit_queue_work(__func__, __VA_ARGS__)
#undef queue_delayed_work
#define queue_delayed_work(...)						\
	cifs_kunit_queue_delayed_work(__func__, __VA_ARGS__)
#undef mod_delayed_work
#define mod_delayed_work(...)						\
	cifs_kunit_mod_delayed_work(__func__, __VA_ARGS__)
#undef cancel_work_sync
#define cancel_work_sync	cifs_kunit_cancel_work_sync
#undef cancel_delayed_work
#define cancel_delayed_work	cifs_kunit_cancel_delayed_work
#undef cancel_delayed_work_sync
#define cancel_delayed_work_sync	cifs_kunit_cancel_delayed_work_sync
#undef flush_workqueue
#define flush_workqueue		cifs_kunit_flush_workqueue

#undef kill_anon_super
#define kill_anon_super		cifs_kunit_kill_anon_super

#undef kmem_cache_create
#define kmem_cache_create(...)						\
	cifs_kunit_kmem_cache_create(__func__, __VA_ARGS__)
#undef kmem_cache_create_usercopy
#define kmem_cache_create_usercopy(...)					\
	cifs_kunit_kmem_cache_create_usercopy(__func__, __VA_ARGS__)
#undef kmem_cache_destroy
#define kmem_cache_destroy	cifs_kunit_kmem_cache_destroy

#undef mempool_create_slab_pool
#define mempool_create_slab_pool(...)					\
	cifs_kunit_mempool_create_slab_pool(__func__, __VA_ARGS__)
#undef mempool_destroy
#define mempool_destroy		cifs_kunit_mempool_destroy
#undef mempool_init_slab_pool
#define mempool_init_slab_pool(...)					\
	cifs_kunit_mempool_init_slab_pool(__func__, __VA_ARGS__)
#undef mempool_exit
#define mempool_exit		cifs_kunit_mempool_exit

#undef prepare_kernel_cred
#define prepare_kernel_cred(...)					\
	cifs_kunit_prepare_kernel_cred(__func__, __VA_ARGS__)
#undef put_cred
#define put_cred		cifs_kunit_put_cred
#undef keyring_alloc
#define keyring_alloc(...)						\
	cifs_kunit_keyring_alloc(__func__, __VA_ARGS__)
#undef key_put
#define key_put			cifs_kunit_key_put
#undef register_key_type
#define register_key_type(...)						\
	cifs_kunit_register_key_type(__func__, __VA_ARGS__)
#undef unregister_key_type
#define unregister_key_type	cifs_kunit_unregister_key_type

#undef genl_register_family
#define genl_register_family(...)					\
	cifs_kunit_genl_register_family(__func__, __VA_ARGS__)
#undef genl_unregister_family
#define genl_unregister_family	cifs_kunit_genl_unregister_family

#undef register_filesystem
#define register_filesystem(...)					\
	cifs_kunit_register_filesystem(__func__, __VA_ARGS__)
#undef unregister_filesystem
#define unregister_filesystem	cifs_kunit_unregister_filesystem

#undef proc_mkdir
#define proc_mkdir(...)							\
	cifs_kunit_proc_mkdir(__func__, __VA_ARGS__)
#undef proc_create_single_data
#define proc_create_single_data(...)					\
	cifs_kunit_proc_create_single_data(__func__, __VA_ARGS__)
#undef proc_create
#define proc_create(...)						\
	cifs_kunit_proc_create(__func__, __VA_ARGS__)
#undef remove_proc_entry
#define remove_proc_entry	cifs_kunit_remove_proc_entry
#undef remove_proc_subtree
#define remove_proc_subtree	cifs_kunit_remove_proc_subtree
#undef proc_remove
#define proc_remove		cifs_kunit_proc_remove

#define netfs_buffered_write_iter_locked	cifs_kunit_buffered_write

#endif /* CIFS_KUNIT_NO_INTERPOSE */

#endif /* _CIFS_KUNIT_INTERPOSE_H */
