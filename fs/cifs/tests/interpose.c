// SPDX-License-Identifier: GPL-2.0
/*
 * What stands between the client and the functions it makes things with. It
 * passes the calls on, and writes them down in the ledger that is open.
 */
#define CIFS_KUNIT_NO_INTERPOSE
#include <linux/kernel.h>
#include <linux/string.h>
#include "interpose.h"

/* Of a client that comes up with no other ledger open, as at boot. */
static struct cifs_kunit_ledger own_ledger;

static struct cifs_kunit_ledger *open_ledger = &own_ledger;

/* On, nothing is written down, as that takes longer than what is timed. */
bool cifs_kunit_blind;

const struct cifs_kunit_scheduler *cifs_kunit_scheduler;

void (*cifs_kunit_on_queueing)(const char *func, struct workqueue_struct *wq);

static const char * const kind_names[CIFS_KUNIT_KINDS] = {
	[CIFS_KUNIT_QUEUE]	= "queue",
	[CIFS_KUNIT_CACHE]	= "cache",
	[CIFS_KUNIT_POOL]	= "pool",
	[CIFS_KUNIT_CRED]	= "cred",
	[CIFS_KUNIT_KEYRING]	= "keyring",
	[CIFS_KUNIT_KEY_TYPE]	= "key type",
	[CIFS_KUNIT_GENL]	= "genl family",
	[CIFS_KUNIT_FS]		= "filesystem",
	[CIFS_KUNIT_PROC]	= "proc",
};

/* Other than the ledger's own, which cifs_kunit_close_ledger() drops. */
static unsigned long cred_refs(const struct cred *cred)
{
	/* atomic_t or atomic_long_t */
	return READ_ONCE(cred->usage.counter) - 1;
}

static unsigned long key_refs(const struct key *key)
{
	return refcount_read(&key->usage) - 1;
}

/**
 * cifs_kunit_open_ledger() - write down what the client makes from now on
 * @ledger: zeroed, but for @fail_at
 *
 * Only one can be open. What was made before is not in the ledger: to unmake
 * that is a wrong call, and is not done. So the client is down when the ledger
 * is opened. May sleep.
 */
void cifs_kunit_open_ledger(struct cifs_kunit_ledger *ledger)
{
	cifs_kunit_close_ledger();
	open_ledger = ledger;
}

/**
 * cifs_kunit_close_ledger() - write down no more
 *
 * Counts who else holds the creds and keyrings in the ledger. What the ledger
 * has stays valid. Not to be called while init_cifs() or exit_cifs() runs.
 * May sleep.
 */
void cifs_kunit_close_ledger(void)
{
	struct cifs_kunit_ledger *ledger = open_ledger;
	struct cifs_kunit_step *step;

	if (!ledger)
		return;
	open_ledger = NULL;
	for (step = ledger->steps; step < ledger->steps + ledger->nr_steps; step++) {
		if (step->kind != CIFS_KUNIT_CRED)
			continue;
		step->refs = cred_refs(step->obj);
		put_cred(step->obj);
	}
	/* of creds, which hold their keyrings */
	rcu_barrier();
	for (step = ledger->steps; step < ledger->steps + ledger->nr_steps; step++) {
		if (step->kind != CIFS_KUNIT_KEYRING)
			continue;
		step->refs = key_refs(step->obj);
		key_put((struct key *)step->obj);
	}
}

/**
 * cifs_kunit_client_comes_up() - before each init_cifs()
 *
 * If no ledger is open, the suites' own is. May sleep.
 */
void cifs_kunit_client_comes_up(void)
{
	if (open_ledger == &own_ledger)
		cifs_kunit_close_ledger();
	if (open_ledger)
		return;
	memset(&own_ledger, 0, sizeof(own_ledger));
	open_ledger = &own_ledger;
}

/**
 * cifs_kunit_client_is_down() - after each exit_cifs()
 *
 * Unless a case has a ledger open, and sees to it, what the client has left is
 * unmade. May sleep.
 */
void cifs_kunit_client_is_down(void)
{
	if (open_ledger != &own_ledger)
		return;
	cifs_kunit_close_ledger();
	cifs_kunit_unmake_rest(&own_ledger);
}

/**
 * cifs_kunit_own_ledger() - what a client has made that is up
 *
 * Return: the ledger, until the client goes down; with no steps, if it came
 * up with another ledger open.
 */
const struct cifs_kunit_ledger *cifs_kunit_own_ledger(void)
{
	return &own_ledger;
}

/* A keyring goes with the cred that it was given to. */
static bool given_away(const struct cifs_kunit_ledger *ledger,
		       const struct key *keyring)
{
	const struct cifs_kunit_step *step;

	for (step = ledger->steps; step < ledger->steps + ledger->nr_steps; step++) {
		if (step->kind == CIFS_KUNIT_CRED && !step->unmade && step->refs &&
		    ((const struct cred *)step->obj)->thread_keyring == keyring)
			return true;
	}
	return false;
}

static void unmake_step(const struct cifs_kunit_ledger *ledger,
			const struct cifs_kunit_step *step)
{
	void *obj = (void *)step->obj;

	switch (step->kind) {
	case CIFS_KUNIT_QUEUE:
		destroy_workqueue(obj);
		break;
	case CIFS_KUNIT_CACHE:
		kmem_cache_destroy(obj);
		break;
	case CIFS_KUNIT_POOL:
		if (step->in_place)
			mempool_exit(obj);
		else
			mempool_destroy(obj);
		break;
	case CIFS_KUNIT_CRED:
		if (step->refs)
			put_cred(obj);
		break;
	case CIFS_KUNIT_KEYRING:
		if (step->refs && !given_away(ledger, obj))
			key_put(obj);
		break;
	case CIFS_KUNIT_KEY_TYPE:
		unregister_key_type(obj);
		break;
	case CIFS_KUNIT_GENL:
		genl_unregister_family(obj);
		break;
	case CIFS_KUNIT_FS:
		unregister_filesystem(obj);
		break;
	case CIFS_KUNIT_PROC:
		proc_remove(obj);
		break;
	default:
		break;
	}
}

/**
 * cifs_kunit_unmake_rest() - unmake what a client that is down has left
 * @ledger: the ledger, closed
 *
 * For the sake of the next case. May sleep.
 */
void cifs_kunit_unmake_rest(struct cifs_kunit_ledger *ledger)
{
	unsigned int i = ledger->nr_steps;

	while (i--) {
		if (ledger->steps[i].unmade)
			continue;
		unmake_step(ledger, &ledger->steps[i]);
		ledger->steps[i].unmade = ++ledger->nr_unmade;
	}
}

/**
 * cifs_kunit_kind_name() - what to call a kind of things
 * @kind: the kind
 *
 * Return: its name.
 */
const char *cifs_kunit_kind_name(enum cifs_kunit_kind kind)
{
	return kind_names[kind];
}

static struct cifs_kunit_step *find(const struct cifs_kunit_ledger *ledger,
				    const void *obj, bool standing)
{
	unsigned int i = ledger->nr_steps;

	while (obj && i--) {
		const struct cifs_kunit_step *step = &ledger->steps[i];

		if (step->obj == obj && (!standing || !step->unmade))
			return (struct cifs_kunit_step *)step;
	}
	return NULL;
}

/**
 * cifs_kunit_step_of() - the step that made a thing
 * @ledger: the ledger
 * @obj: the thing
 *
 * Return: the last step that made it, or NULL.
 */
const struct cifs_kunit_step *
cifs_kunit_step_of(const struct cifs_kunit_ledger *ledger, const void *obj)
{
	return find(ledger, obj, false);
}

/**
 * cifs_kunit_unmade() - what was unmade, in order
 * @ledger: the ledger
 * @kind: of this kind only
 * @n: which of them, from 0
 *
 * Return: the step that had made it, or NULL if there were not that many.
 */
const struct cifs_kunit_step *
cifs_kunit_unmade(const struct cifs_kunit_ledger *ledger,
		  enum cifs_kunit_kind kind, unsigned int n)
{
	unsigned int turn, i;

	for (turn = 1; turn <= ledger->nr_unmade; turn++) {
		for (i = 0; i < ledger->nr_steps; i++) {
			if (ledger->steps[i].unmade == turn &&
			    ledger->steps[i].kind == kind && !n--)
				return &ledger->steps[i];
		}
	}
	return NULL;
}

static void fails(struct cifs_kunit_ledger *ledger,
		  const struct cifs_kunit_step *step, int rc)
{
	if (ledger->nr_failed++)
		return;
	ledger->failed = *step;
	ledger->failed_rc = rc;
}

/* A making call: is it to fail? */
static bool fail(const struct cifs_kunit_step *step, int rc)
{
	struct cifs_kunit_ledger *ledger = open_ledger;

	if (!ledger || ++ledger->nr_calls != ledger->fail_at)
		return false;
	fails(ledger, step, rc);
	return true;
}

/* It was made; with @rc not 0, it could not. */
static void made(const struct cifs_kunit_step *step, int rc)
{
	struct cifs_kunit_ledger *ledger = open_ledger;

	if (!ledger)
		return;
	if (rc) {
		fails(ledger, step, rc);
	} else if (ledger->nr_steps < CIFS_KUNIT_STEPS) {
		ledger->steps[ledger->nr_steps++] = *step;
		if (step->kind == CIFS_KUNIT_CRED)
			get_cred(step->obj);
		if (step->kind == CIFS_KUNIT_KEYRING)
			key_get((struct key *)step->obj);
	}
}

static void *made_ptr(struct cifs_kunit_step *step, void *obj)
{
	step->obj = IS_ERR(obj) ? NULL : obj;
	made(step, obj ? PTR_ERR_OR_ZERO(obj) : -ENOMEM);
	return obj;
}

static int made_rc(struct cifs_kunit_step *step, int rc)
{
	made(step, rc);
	return rc;
}

static void wrong(enum cifs_kunit_kind kind, const char *name, const char *how)
{
	if (!open_ledger->nr_wrong++)
		scnprintf(open_ledger->wrong, sizeof(open_ledger->wrong),
			  "%s %s: %s", kind_names[kind], name, how);
}

/*
 * An unmaking call: may it be made? What is freed by name or by reference
 * count has functions of its own.
 */
static bool unmake(enum cifs_kunit_kind kind, const void *obj, const char *name)
{
	struct cifs_kunit_step *step;

	if (!open_ledger)
		return true;
	step = find(open_ledger, obj, true);
	if (step) {
		if (open_ledger->on_unmake)
			open_ledger->on_unmake(open_ledger, step);
		step->unmade = ++open_ledger->nr_unmade;
		return true;
	}
	step = find(open_ledger, obj, false);
	if (step)
		wrong(kind, step->name, "unmade twice");
	else
		wrong(kind, name ?: obj ? "(unknown)" : "(null)", "unmade, never made");
	return false;
}

/* As unmake(), of what is put: of others' things the ledger has no opinion. */
static bool unmake_ref(enum cifs_kunit_kind kind, const void *obj)
{
	if (!open_ledger || !find(open_ledger, obj, false))
		return true;
	return unmake(kind, obj, NULL);
}

static struct cifs_kunit_step step_for(enum cifs_kunit_kind kind,
				       const char *func, const char *name)
{
	struct cifs_kunit_step step = { .kind = kind, .func = func };

	strscpy(step.name, name, sizeof(step.name));
	return step;
}

/*
 * The calls. Each takes what the function takes that it stands for, making
 * ones the name of their caller first; may sleep where that one may; and
 * returns what that one returns, or the failure that the ledger asks for.
 */

/**
 * cifs_kunit_alloc_workqueue() - alloc_workqueue(), as the client calls it
 * @func: from where
 * @fmt: name of the queue
 * @flags: WQ_*
 * @max_active: as in alloc_workqueue()
 *
 * May sleep.
 *
 * Return: the queue, or NULL: for want of memory, or because the ledger says
 * so.
 */
struct workqueue_struct *
cifs_kunit_alloc_workqueue(const char *func, const char *fmt,
			   unsigned int flags, int max_active, ...)
{
	struct cifs_kunit_step step;
	char name[CIFS_KUNIT_STEP_NAME];
	va_list args;

	va_start(args, max_active);
	vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);

	step = step_for(CIFS_KUNIT_QUEUE, func, name);
	step.flags = flags;
	if (fail(&step, -ENOMEM))
		return NULL;
	return made_ptr(&step, alloc_workqueue("%s", flags, max_active, name));
}

/**
 * cifs_kunit_destroy_workqueue() - destroy_workqueue(), as the client calls it
 * @wq: the queue
 *
 * May sleep.
 */
void cifs_kunit_destroy_workqueue(struct workqueue_struct *wq)
{
	struct cifs_kunit_step *step;

	if (!unmake(CIFS_KUNIT_QUEUE, wq, NULL))
		return;
	destroy_workqueue(wq);
	step = open_ledger ? find(open_ledger, wq, false) : NULL;
	if (step)
		step->gone = true;
}

/*
 * A work for a queue that is gone is written down, and done here and now, so
 * that the case can go on and have its say.
 */
static bool is_late(const char *func, struct workqueue_struct *wq,
		    struct work_struct *work)
{
	struct cifs_kunit_ledger *ledger = open_ledger;
	struct cifs_kunit_step *step = ledger ? find(ledger, wq, false) : NULL;

	if (cifs_kunit_on_queueing)
		cifs_kunit_on_queueing(func, wq);
	if (!step || !step->gone || !cifs_kunit_untangle)
		return false;
	if (!ledger->nr_late++)
		scnprintf(ledger->late, sizeof(ledger->late), "%s(), onto %s",
			  func, step->name);
	work->func(work);
	return true;
}

static bool scheduled(struct workqueue_struct *wq, struct work_struct *work,
		      bool delayed, bool *queued)
{
	return cifs_kunit_scheduler &&
	       cifs_kunit_scheduler->queue(wq, work, delayed, queued);
}

static bool unscheduled(struct work_struct *work)
{
	return cifs_kunit_scheduler && cifs_kunit_scheduler->cancel(work);
}

/**
 * cifs_kunit_queue_work() - queue_work(), as the client calls it
 * @func: from where
 * @wq: the queue
 * @work: the work
 *
 * Any context.
 *
 * Return: as queue_work().
 */
bool cifs_kunit_queue_work(const char *func, struct workqueue_struct *wq,
			   struct work_struct *work)
{
	bool queued;

	if (scheduled(wq, work, false, &queued))
		return queued;
	return (!cifs_kunit_blind && is_late(func, wq, work)) ||
	       queue_work(wq, work);
}

/**
 * cifs_kunit_queue_delayed_work() - queue_delayed_work(), as the client calls
 *				     it
 * @func: from where
 * @wq: the queue
 * @dwork: the work
 * @delay: in jiffies
 *
 * Any context.
 *
 * Return: as queue_delayed_work().
 */
bool cifs_kunit_queue_delayed_work(const char *func,
				   struct workqueue_struct *wq,
				   struct delayed_work *dwork,
				   unsigned long delay)
{
	bool queued;

	if (scheduled(wq, &dwork->work, true, &queued))
		return queued;
	return is_late(func, wq, &dwork->work) ||
	       queue_delayed_work(wq, dwork, delay);
}

/**
 * cifs_kunit_mod_delayed_work() - mod_delayed_work(), as the client calls it
 * @func: from where
 * @wq: the queue
 * @dwork: the work
 * @delay: in jiffies
 *
 * Any context.
 *
 * Return: as mod_delayed_work().
 */
bool cifs_kunit_mod_delayed_work(const char *func, struct workqueue_struct *wq,
				 struct delayed_work *dwork,
				 unsigned long delay)
{
	bool queued;

	if (scheduled(wq, &dwork->work, true, &queued))
		return !queued;
	return is_late(func, wq, &dwork->work) ||
	       mod_delayed_work(wq, dwork, delay);
}

/**
 * cifs_kunit_cancel_work_sync() - cancel_work_sync(), as the client calls it
 * @work: the work
 *
 * May sleep.
 *
 * Return: as cancel_work_sync().
 */
bool cifs_kunit_cancel_work_sync(struct work_struct *work)
{
	return unscheduled(work) | cancel_work_sync(work);
}

/**
 * cifs_kunit_cancel_delayed_work() - cancel_delayed_work(), as the client
 *				      calls it
 * @dwork: the work
 *
 * Any context.
 *
 * Return: as cancel_delayed_work().
 */
bool cifs_kunit_cancel_delayed_work(struct delayed_work *dwork)
{
	return unscheduled(&dwork->work) || cancel_delayed_work(dwork);
}

/**
 * cifs_kunit_cancel_delayed_work_sync() - cancel_delayed_work_sync(), as the
 *					   client calls it
 * @dwork: the work
 *
 * May sleep.
 *
 * Return: as cancel_delayed_work_sync().
 */
bool cifs_kunit_cancel_delayed_work_sync(struct delayed_work *dwork)
{
	return unscheduled(&dwork->work) | cancel_delayed_work_sync(dwork);
}

/**
 * cifs_kunit_msleep() - msleep(), as the client calls it
 * @msecs: how long
 *
 * May sleep.
 */
void cifs_kunit_msleep(unsigned int msecs)
{
	if (!cifs_kunit_scheduler || !cifs_kunit_scheduler->sleep())
		msleep(msecs);
}

/**
 * cifs_kunit_flush_workqueue() - flush_workqueue(), as the client calls it
 * @wq: the queue
 *
 * A case that takes the client down under a mount unmounts when the queues are
 * gone. May sleep.
 */
void cifs_kunit_flush_workqueue(struct workqueue_struct *wq)
{
	struct cifs_kunit_step *step = open_ledger ? find(open_ledger, wq, false) : NULL;

	if (cifs_kunit_scheduler)
		cifs_kunit_scheduler->flush(wq);
	if (!step || !step->gone)
		flush_workqueue(wq);
}

/**
 * cifs_kunit_kmem_cache_create() - kmem_cache_create(), as the client calls it
 * @func: from where
 * @name: as in kmem_cache_create()
 * @size: as in kmem_cache_create()
 * @align: as in kmem_cache_create()
 * @flags: SLAB_*
 * @ctor: as in kmem_cache_create()
 *
 * May sleep.
 *
 * Return: the cache, or NULL: for want of memory, or because the ledger says
 * so.
 */
struct kmem_cache *
cifs_kunit_kmem_cache_create(const char *func, const char *name,
			     unsigned int size, unsigned int align,
			     slab_flags_t flags, void (*ctor)(void *obj))
{
	struct cifs_kunit_step step = step_for(CIFS_KUNIT_CACHE, func, name);

	if (fail(&step, -ENOMEM))
		return NULL;
	return made_ptr(&step, kmem_cache_create(name, size, align, flags, ctor));
}

/**
 * cifs_kunit_kmem_cache_create_usercopy() - kmem_cache_create_usercopy(), as
 *					      the client calls it
 * @func: from where
 * @name: as in kmem_cache_create_usercopy()
 * @size: as in kmem_cache_create_usercopy()
 * @align: as in kmem_cache_create_usercopy()
 * @flags: SLAB_*
 * @useroffset: as in kmem_cache_create_usercopy()
 * @usersize: as in kmem_cache_create_usercopy()
 * @ctor: as in kmem_cache_create_usercopy()
 *
 * May sleep.
 *
 * Return: the cache, or NULL: for want of memory, or because the ledger says
 * so.
 */
struct kmem_cache *
cifs_kunit_kmem_cache_create_usercopy(const char *func, const char *name,
				      unsigned int size, unsigned int align,
				      slab_flags_t flags,
				      unsigned int useroffset,
				      unsigned int usersize,
				      void (*ctor)(void *obj))
{
	struct cifs_kunit_step step = step_for(CIFS_KUNIT_CACHE, func, name);

	if (fail(&step, -ENOMEM))
		return NULL;
	return made_ptr(&step, kmem_cache_create_usercopy(name, size, align, flags,
							  useroffset, usersize, ctor));
}

/**
 * cifs_kunit_kmem_cache_destroy() - kmem_cache_destroy(), as the client calls
 *				     it
 * @cache: the cache, or NULL
 *
 * May sleep.
 */
void cifs_kunit_kmem_cache_destroy(struct kmem_cache *cache)
{
	if (cache && unmake(CIFS_KUNIT_CACHE, cache, NULL))
		kmem_cache_destroy(cache);
}

static struct cifs_kunit_step pool_of(const char *func, struct kmem_cache *cache)
{
	struct cifs_kunit_step step = step_for(CIFS_KUNIT_POOL, func, "");
	struct cifs_kunit_step *of;

	if (open_ledger) {
		of = find(open_ledger, cache, true);
		strscpy(step.name, of ? of->name : "of a cache not made here",
			sizeof(step.name));
		step.needs = cache;
	}
	return step;
}

/**
 * cifs_kunit_mempool_create_slab_pool() - mempool_create_slab_pool(), as the
 *					   client calls it
 * @func: from where
 * @min_nr: as in mempool_create_slab_pool()
 * @cache: the cache; the pool is called by its name
 *
 * May sleep.
 *
 * Return: the pool, or NULL: for want of memory, or because the ledger says
 * so.
 */
mempool_t *cifs_kunit_mempool_create_slab_pool(const char *func, int min_nr,
					       struct kmem_cache *cache)
{
	struct cifs_kunit_step step = pool_of(func, cache);

	if (fail(&step, -ENOMEM))
		return NULL;
	return made_ptr(&step, mempool_create_slab_pool(min_nr, cache));
}

/**
 * cifs_kunit_mempool_init_slab_pool() - mempool_init_slab_pool(), as the
 *					 client calls it
 * @func: from where
 * @pool: the pool, memory of the client's own
 * @min_nr: as in mempool_init_slab_pool()
 * @cache: the cache; the pool is called by its name
 *
 * May sleep.
 *
 * Return: 0, or a negative errno: for want of memory, or because the ledger
 * says so.
 */
int cifs_kunit_mempool_init_slab_pool(const char *func, mempool_t *pool,
				      int min_nr, struct kmem_cache *cache)
{
	struct cifs_kunit_step step = pool_of(func, cache);

	step.obj = pool;
	step.in_place = true;
	if (fail(&step, -ENOMEM))
		return -ENOMEM;
	return made_rc(&step, mempool_init_slab_pool(pool, min_nr, cache));
}

/**
 * cifs_kunit_mempool_exit() - mempool_exit(), as the client calls it
 * @pool: the pool
 *
 * May sleep.
 */
void cifs_kunit_mempool_exit(mempool_t *pool)
{
	if (unmake(CIFS_KUNIT_POOL, pool, NULL))
		mempool_exit(pool);
}

/**
 * cifs_kunit_mempool_destroy() - mempool_destroy(), as the client calls it
 * @pool: the pool, or NULL
 *
 * May sleep.
 */
void cifs_kunit_mempool_destroy(mempool_t *pool)
{
	if (pool && unmake(CIFS_KUNIT_POOL, pool, NULL))
		mempool_destroy(pool);
}

/**
 * cifs_kunit_prepare_kernel_cred() - prepare_kernel_cred(), as the client
 *				      calls it
 * @func: from where; the cred is called by this name
 * @daemon: as in prepare_kernel_cred()
 *
 * The ledger holds a reference until it is closed. May sleep.
 *
 * Return: the cred, or NULL: for want of memory, or because the ledger says
 * so.
 */
struct cred *cifs_kunit_prepare_kernel_cred(const char *func,
					    struct task_struct *daemon)
{
	struct cifs_kunit_step step = step_for(CIFS_KUNIT_CRED, func, func);

	if (fail(&step, -ENOMEM))
		return NULL;
	return made_ptr(&step, prepare_kernel_cred(daemon));
}

/**
 * cifs_kunit_put_cred() - put_cred(), as the client calls it
 * @cred: the cred, or NULL; the last put unmakes its keyring as well
 *
 * To whoever made the cred, each put is the last.
 */
void cifs_kunit_put_cred(const struct cred *cred)
{
	if (!unmake_ref(CIFS_KUNIT_CRED, cred))
		return;
	if (open_ledger && cred && cifs_kunit_step_of(open_ledger, cred) &&
	    find(open_ledger, cred->thread_keyring, true))
		unmake(CIFS_KUNIT_KEYRING, cred->thread_keyring, NULL);
	put_cred(cred);
}

/**
 * cifs_kunit_keyring_alloc() - keyring_alloc(), as the client calls it
 * @func: from where
 * @description: as in keyring_alloc()
 * @uid: as in keyring_alloc()
 * @gid: as in keyring_alloc()
 * @cred: as in keyring_alloc()
 * @perm: as in keyring_alloc()
 * @flags: KEY_ALLOC_*
 * @restrict_link: as in keyring_alloc()
 * @dest: as in keyring_alloc()
 *
 * The ledger holds a reference until it is closed. May sleep.
 *
 * Return: the keyring, or what keyring_alloc() fails with, or -EDQUOT because
 * the ledger says so.
 */
struct key *cifs_kunit_keyring_alloc(const char *func, const char *description,
				     kuid_t uid, kgid_t gid,
				     const struct cred *cred, key_perm_t perm,
				     unsigned long flags,
				     struct key_restriction *restrict_link,
				     struct key *dest)
{
	struct cifs_kunit_step step = step_for(CIFS_KUNIT_KEYRING, func, description);

	if (fail(&step, -EDQUOT))
		return ERR_PTR(-EDQUOT);
	return made_ptr(&step, keyring_alloc(description, uid, gid, cred, perm, flags,
					     restrict_link, dest));
}

/**
 * cifs_kunit_key_put() - key_put(), as the client calls it
 * @key: the key, or NULL
 */
void cifs_kunit_key_put(struct key *key)
{
	if (unmake_ref(CIFS_KUNIT_KEYRING, key))
		key_put(key);
}

/**
 * cifs_kunit_register_key_type() - register_key_type(), as the client calls it
 * @func: from where
 * @type: the type
 *
 * May sleep.
 *
 * Return: 0, or what register_key_type() fails with, or its -EEXIST because
 * the ledger says so.
 */
int cifs_kunit_register_key_type(const char *func, struct key_type *type)
{
	struct cifs_kunit_step step = step_for(CIFS_KUNIT_KEY_TYPE, func, type->name);

	step.obj = type;
	return fail(&step, -EEXIST) ? -EEXIST : made_rc(&step, register_key_type(type));
}

/**
 * cifs_kunit_unregister_key_type() - unregister_key_type(), as the client
 *				      calls it
 * @type: the type
 *
 * May sleep.
 */
void cifs_kunit_unregister_key_type(struct key_type *type)
{
	if (unmake(CIFS_KUNIT_KEY_TYPE, type, type->name))
		unregister_key_type(type);
}

/**
 * cifs_kunit_genl_register_family() - genl_register_family(), as the client
 *				       calls it
 * @func: from where
 * @family: the family
 *
 * May sleep.
 *
 * Return: 0, or what genl_register_family() fails with, or its -EEXIST because
 * the ledger says so.
 */
int cifs_kunit_genl_register_family(const char *func,
				    struct genl_family *family)
{
	struct cifs_kunit_step step = step_for(CIFS_KUNIT_GENL, func, family->name);

	step.obj = family;
	return fail(&step, -EEXIST) ? -EEXIST :
				      made_rc(&step, genl_register_family(family));
}

/**
 * cifs_kunit_genl_unregister_family() - genl_unregister_family(), as the
 *					 client calls it
 * @family: the family
 *
 * May sleep.
 *
 * Return: as genl_unregister_family(), or -ENOENT if it is not registered.
 */
int cifs_kunit_genl_unregister_family(const struct genl_family *family)
{
	if (!unmake(CIFS_KUNIT_GENL, family, family->name))
		return -ENOENT;
	return genl_unregister_family(family);
}

/**
 * cifs_kunit_register_filesystem() - register_filesystem(), as the client
 *				      calls it
 * @func: from where
 * @type: the type
 *
 * Return: 0, or what register_filesystem() fails with, or its -EBUSY because
 * the ledger says so.
 */
int cifs_kunit_register_filesystem(const char *func,
				   struct file_system_type *type)
{
	struct cifs_kunit_step step = step_for(CIFS_KUNIT_FS, func, type->name);

	step.obj = type;
	return fail(&step, -EBUSY) ? -EBUSY : made_rc(&step, register_filesystem(type));
}

/**
 * cifs_kunit_unregister_filesystem() - unregister_filesystem(), as the client
 *					calls it
 * @type: the type
 *
 * May sleep.
 *
 * Return: as unregister_filesystem(), or -EINVAL if it is not registered.
 */
int cifs_kunit_unregister_filesystem(struct file_system_type *type)
{
	if (!unmake(CIFS_KUNIT_FS, type, type->name))
		return -EINVAL;
	return unregister_filesystem(type);
}

/**
 * cifs_kunit_proc_mkdir() - proc_mkdir(), as the client calls it
 * @func: from where
 * @name: as in proc_mkdir()
 * @parent: the directory it is made in, or NULL
 *
 * May sleep.
 *
 * Return: the entry, or NULL: for want of memory, or because the ledger says
 * so.
 */
struct proc_dir_entry *cifs_kunit_proc_mkdir(const char *func, const char *name,
					     struct proc_dir_entry *parent)
{
	struct cifs_kunit_step step = step_for(CIFS_KUNIT_PROC, func, name);

	step.needs = parent;
	if (fail(&step, -ENOMEM))
		return NULL;
	return made_ptr(&step, proc_mkdir(name, parent));
}

/**
 * cifs_kunit_proc_create_single_data() - proc_create_single_data(), as the
 *					  client calls it
 * @func: from where
 * @name: as in proc_create_single_data()
 * @mode: as in proc_create_single_data()
 * @parent: the directory it is made in, or NULL
 * @show: as in proc_create_single_data()
 * @data: as in proc_create_single_data()
 *
 * May sleep.
 *
 * Return: the entry, or NULL: for want of memory, or because the ledger says
 * so.
 */
struct proc_dir_entry *
cifs_kunit_proc_create_single_data(const char *func, const char *name,
				   umode_t mode, struct proc_dir_entry *parent,
				   int (*show)(struct seq_file *, void *),
				   void *data)
{
	struct cifs_kunit_step step = step_for(CIFS_KUNIT_PROC, func, name);

	step.needs = parent;
	if (fail(&step, -ENOMEM))
		return NULL;
	return made_ptr(&step, proc_create_single_data(name, mode, parent, show, data));
}

/**
 * cifs_kunit_proc_create() - proc_create(), as the client calls it
 * @func: from where
 * @name: as in proc_create()
 * @mode: as in proc_create()
 * @parent: the directory it is made in, or NULL
 * @ops: as in proc_create()
 *
 * May sleep.
 *
 * Return: the entry, or NULL: for want of memory, or because the ledger says
 * so.
 */
struct proc_dir_entry *cifs_kunit_proc_create(const char *func,
					      const char *name, umode_t mode,
					      struct proc_dir_entry *parent,
					      const struct proc_ops *ops)
{
	struct cifs_kunit_step step = step_for(CIFS_KUNIT_PROC, func, name);

	step.needs = parent;
	if (fail(&step, -ENOMEM))
		return NULL;
	return made_ptr(&step, proc_create(name, mode, parent, ops));
}

static const struct cifs_kunit_step *
find_proc(const char *name, const struct proc_dir_entry *parent)
{
	const struct cifs_kunit_step *step;
	unsigned int i;

	for (i = 0; i < open_ledger->nr_steps; i++) {
		step = &open_ledger->steps[i];
		if (step->kind == CIFS_KUNIT_PROC && !step->unmade &&
		    step->needs == parent && !strcmp(step->name, name))
			return step;
	}
	return NULL;
}

/**
 * cifs_kunit_remove_proc_entry() - remove_proc_entry(), as the client calls it
 * @name: its name
 * @parent: the directory it is in, or NULL
 *
 * Passed on even if it is wrong: the kernel has its own word to say to that,
 * and goes on. May sleep.
 */
void cifs_kunit_remove_proc_entry(const char *name,
				  struct proc_dir_entry *parent)
{
	const struct cifs_kunit_step *step;

	if (open_ledger) {
		step = find_proc(name, parent);
		unmake(CIFS_KUNIT_PROC, step ? step->obj : NULL, name);
	}
	remove_proc_entry(name, parent);
}

/* The whole of a directory, what was made last first. */
static bool unmake_subtree(const void *entry, const char *name)
{
	unsigned int i;

	if (!open_ledger)
		return true;
	for (i = open_ledger->nr_steps; entry && i--;) {
		struct cifs_kunit_step *step = &open_ledger->steps[i];

		if (step->kind == CIFS_KUNIT_PROC && !step->unmade &&
		    step->needs == entry)
			unmake_subtree(step->obj, step->name);
	}
	return unmake(CIFS_KUNIT_PROC, entry, name);
}

/**
 * cifs_kunit_remove_proc_subtree() - remove_proc_subtree(), as the client
 *				      calls it
 * @name: its name
 * @parent: the directory it is in, or NULL
 *
 * May sleep.
 *
 * Return: as remove_proc_subtree(), or -ENOENT if it is not there.
 */
int cifs_kunit_remove_proc_subtree(const char *name,
				   struct proc_dir_entry *parent)
{
	const struct cifs_kunit_step *step;

	if (open_ledger) {
		step = find_proc(name, parent);
		if (!unmake_subtree(step ? step->obj : NULL, name))
			return -ENOENT;
	}
	return remove_proc_subtree(name, parent);
}

/**
 * cifs_kunit_proc_remove() - proc_remove(), as the client calls it
 * @entry: the entry, or NULL
 *
 * May sleep.
 */
void cifs_kunit_proc_remove(struct proc_dir_entry *entry)
{
	if (entry && unmake_subtree(entry, NULL))
		proc_remove(entry);
}
