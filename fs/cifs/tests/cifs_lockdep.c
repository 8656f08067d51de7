// SPDX-License-Identifier: GPL-2.0
/*
 * What lockdep cannot see by itself, and what it knows. See cifs_lockdep.h.
 */
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include "cifsglob.h"
#include "cifsfs.h"
#include "cifs_lockdep.h"

static struct lock_class_key pg_locked_key, pg_writeback_key;

struct lockdep_map cifs_kunit_pg_locked =
	STATIC_LOCKDEP_MAP_INIT("PG_locked", &pg_locked_key);
struct lockdep_map cifs_kunit_pg_writeback =
	STATIC_LOCKDEP_MAP_INIT("PG_writeback", &pg_writeback_key);

/**
 * cifs_kunit_begin_writeback() - tell lockdep that PG_writeback is set
 *
 * Setting the bit waits for nobody, but others wait until it is cleared.
 */
void cifs_kunit_begin_writeback(void)
{
	lock_acquire(&cifs_kunit_pg_writeback, 0, 1, 0, 1, NULL, _THIS_IP_);
}

/**
 * cifs_kunit_might_wait_writeback() - tell lockdep of a wait for PG_writeback
 */
void cifs_kunit_might_wait_writeback(void)
{
	lock_map_acquire(&cifs_kunit_pg_writeback);
	lock_map_release(&cifs_kunit_pg_writeback);
}

/**
 * cifs_kunit_lock_page() - lock_page(), seen by lockdep
 * @page: the page
 *
 * May sleep.
 */
void cifs_kunit_lock_page(struct page *page)
{
	lock_map_acquire(&cifs_kunit_pg_locked);
	lock_page(page);
}

/**
 * cifs_kunit_unlock_page() - unlock_page(), seen by lockdep
 * @page: the page, locked by the current task with cifs_kunit_lock_page()
 */
void cifs_kunit_unlock_page(struct page *page)
{
	unlock_page(page);
	lock_map_release(&cifs_kunit_pg_locked);
}

/**
 * cifs_kunit_set_writeback() - set_page_writeback(), seen by lockdep
 * @page: the page, locked
 */
void cifs_kunit_set_writeback(struct page *page)
{
	set_page_writeback(page);
	cifs_kunit_begin_writeback();
}

/**
 * cifs_kunit_end_writeback() - end_page_writeback(), seen by lockdep
 * @page: the page, from cifs_kunit_set_writeback() in the current task
 */
void cifs_kunit_end_writeback(struct page *page)
{
	end_page_writeback(page);
	lock_map_release(&cifs_kunit_pg_writeback);
}

/**
 * cifs_kunit_wait_writeback() - wait_on_page_writeback(), seen by lockdep
 * @page: the page
 *
 * May sleep.
 */
void cifs_kunit_wait_writeback(struct page *page)
{
	cifs_kunit_might_wait_writeback();
	wait_on_page_writeback(page);
}

/**
 * cifs_kunit_break_never_queued() - tell lockdep that no break is under way
 * @cfile: an open file whose oplock break was never queued, nor will be
 *
 * The last put waits for the oplock break handler, and the handler for
 * lock_sem and for pages: an inversion by class that cannot happen. While the
 * handler may do so it has a reference, so that a put which is the last one
 * waits for no more than its answer to the server. Lockdep cannot know, hence
 * a class of its own for a break that was never queued.
 */
void cifs_kunit_break_never_queued(struct cifsFileInfo *cfile)
{
	static struct lock_class_key key;

	lockdep_init_map(&cfile->oplock_break.lockdep_map,
			 "oplock break, never queued", &key, 0);
}

/* What lockdep knows. */

#define MAX_CLASSES	1024

/* A list of classes without doubles, and how far it has been walked. */
struct walk {
	struct lock_class *classes[MAX_CLASSES];
	unsigned int nr;
	unsigned int next;
};

static void walk_add(struct walk *walk, struct lock_class *class)
{
	unsigned int i;

	for (i = 0; i < walk->nr; i++) {
		if (walk->classes[i] == class)
			return;
	}
	if (class && walk->nr < MAX_CLASSES)
		walk->classes[walk->nr++] = class;
}

static struct lock_class *walk_next(struct walk *walk)
{
	return walk->next < walk->nr ? walk->classes[walk->next++] : NULL;
}

/**
 * cifs_kunit_lockdep_knows() - whether lockdep has recorded an order of locks
 * @before: a lock
 * @after: another
 *
 * Walks lockdep's own graph, as its search for a cycle does: it records a
 * lock after the last one held, and the rest follows. May sleep. Nobody may
 * add to the graph meanwhile; what is already there stays.
 *
 * Return: whether @after, or what is in its class, was taken under @before.
 */
bool cifs_kunit_lockdep_knows(struct lockdep_map *before,
			      struct lockdep_map *after)
{
	struct lock_class *goal = after->class_cache[0], *class;
	struct walk *walk = kzalloc(sizeof(*walk), GFP_KERNEL);
	struct lock_list *entry;
	bool found = false;

	if (!walk)
		return false;
	walk_add(walk, before->class_cache[0]);
	while (goal && !found && (class = walk_next(walk))) {
		list_for_each_entry(entry, &class->locks_after, entry) {
			found |= entry->class == goal;
			walk_add(walk, entry->class);
		}
	}
	kfree(walk);
	return found;
}

static bool dump;
module_param(dump, bool, 0444);
MODULE_PARM_DESC(dump, "Print what lockdep knows at the end of cifs_lock_order");

/* kernel/locking/lockdep.c has it, and keeps it to itself. */
struct lock_trace {
	struct hlist_node hash_entry;
	u32 hash;
	u32 nr_entries;
	unsigned long entries[];
};

static unsigned int print_trace(const struct lock_trace *trace)
{
	unsigned int i;

	for (i = 0; trace && i < trace->nr_entries; i++) {
		/* not what is expected: no trace rather than a wrong one */
		if (!kernel_text_address(trace->entries[i]))
			break;
		pr_info("cifs_lockdep:   %pS\n", (void *)trace->entries[i]);
	}
	return i;
}

static const char *class_name(const struct lock_class *class)
{
	return class->name ?: "?";
}

/**
 * cifs_kunit_lockdep_dump() - print the order of locks, from some locks on
 * @maps: these locks
 * @nr: how many
 *
 * For each direct dependency a line "cifs_lockdep: A/s -> B/s", s being the
 * subclass, and a line a call site; then how many lines that were. Only with
 * the parameter cifs_lockdep.dump set. May sleep.
 */
void cifs_kunit_lockdep_dump(struct lockdep_map *maps, unsigned int nr)
{
	struct walk *walk = dump ? kzalloc(sizeof(*walk), GFP_KERNEL) : NULL;
	struct lock_class *class;
	unsigned int i, lines = 0;
	struct lock_list *entry;

	if (!walk)
		return;
	for (i = 0; i < nr; i++)
		walk_add(walk, maps[i].class_cache[0]);
	while ((class = walk_next(walk))) {
		list_for_each_entry(entry, &class->locks_after, entry) {
			walk_add(walk, entry->class);
			/* what follows from others is not a dependency met */
			if (entry->distance > 1)
				continue;
			pr_info("cifs_lockdep: %s/%u -> %s/%u\n",
				class_name(class), class->subclass,
				class_name(entry->class), entry->class->subclass);
			lines += 1 + print_trace(entry->trace);
		}
	}
	pr_info("cifs_lockdep: %u classes, %u lines\n", walk->nr, lines);
	kfree(walk);
}
