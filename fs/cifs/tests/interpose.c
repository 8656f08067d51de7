// SPDX-License-Identifier: GPL-2.0
/*
 * What stands between cifsfs.c and the functions it makes things with. With
 * no log set, as at boot, it only passes the calls on.
 */
#define CIFS_KUNIT_NO_INTERPOSE
#include <linux/kernel.h>
#include <linux/string.h>
#include "interpose.h"

static struct cifs_kunit_wq_log *wq_log;

/**
 * cifs_kunit_log_workqueues() - write down the queues of cifsfs.c from now on
 * @log: zeroed, but for @fail_at; or NULL to end it
 *
 * Not to be called while init_cifs() or exit_cifs() runs.
 */
void cifs_kunit_log_workqueues(struct cifs_kunit_wq_log *log)
{
	wq_log = log;
}

/**
 * cifs_kunit_alloc_workqueue() - alloc_workqueue(), as cifsfs.c calls it
 * @fmt: name of the queue
 * @flags: WQ_*
 * @max_active: as in alloc_workqueue()
 *
 * Return: the queue, or NULL: for want of memory, or because the log said so.
 */
struct workqueue_struct *
cifs_kunit_alloc_workqueue(const char *fmt, unsigned int flags, int max_active,
			   ...)
{
	struct cifs_kunit_wq_log *log = wq_log;
	struct workqueue_struct *wq;
	char name[24];
	va_list args;

	va_start(args, max_active);
	vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);

	if (log && ++log->nr_allocs == log->fail_at) {
		strscpy(log->failed, name, sizeof(log->failed));
		return NULL;
	}
	wq = alloc_workqueue("%s", flags, max_active, name);
	if (log && wq && log->nr_made < CIFS_KUNIT_QUEUES) {
		strscpy(log->made[log->nr_made].name, name, sizeof(name));
		log->made[log->nr_made++].wq = wq;
	}
	return wq;
}

/**
 * cifs_kunit_destroy_workqueue() - destroy_workqueue(), as cifsfs.c calls it
 * @wq: the queue
 *
 * What is no queue, or no longer one, is written down but not touched, so
 * that a wrong call fails one case instead of ending the run.
 */
void cifs_kunit_destroy_workqueue(struct workqueue_struct *wq)
{
	struct cifs_kunit_wq_log *log = wq_log;
	unsigned int i;

	if (log) {
		bool again = false;

		for (i = 0; i < min_t(unsigned int, log->nr_destroyed, CIFS_KUNIT_QUEUES); i++)
			again |= log->destroyed[i] == wq;
		if (log->nr_destroyed < CIFS_KUNIT_QUEUES)
			log->destroyed[log->nr_destroyed] = wq;
		log->nr_destroyed++;
		if (again || !wq)
			return;
	}
	destroy_workqueue(wq);
}
