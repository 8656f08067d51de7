/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Read before each file of the client (see its Makefile): the calls by which
 * init_cifs() makes the work queues and exit_cifs() unmakes them go through
 * the suites, which write them down and make them fail.
 */
#ifndef _CIFS_KUNIT_INTERPOSE_H
#define _CIFS_KUNIT_INTERPOSE_H

#include <linux/workqueue.h>
#ifdef CONFIG_CIFS_KUNIT_NETFS
#include <linux/netfs.h>
#endif

#define CIFS_KUNIT_QUEUES	16

/**
 * struct cifs_kunit_wq_log - the work queues that cifsfs.c made and destroyed
 * @fail_at: which call of alloc_workqueue() fails, from 1; 0: none
 * @nr_allocs: calls of alloc_workqueue()
 * @nr_made: how many of them made a queue
 * @made: these, in order
 * @nr_destroyed: calls of destroy_workqueue()
 * @destroyed: what they were called with, in order
 * @failed: name of the queue whose call failed
 */
struct cifs_kunit_wq_log {
	unsigned int fail_at;
	unsigned int nr_allocs;
	unsigned int nr_made;
	unsigned int nr_destroyed;
	struct {
		struct workqueue_struct *wq;
		char name[24];
	} made[CIFS_KUNIT_QUEUES];
	struct workqueue_struct *destroyed[CIFS_KUNIT_QUEUES];
	char failed[24];
};

void cifs_kunit_log_workqueues(struct cifs_kunit_wq_log *log);
__printf(1, 4) struct workqueue_struct *
cifs_kunit_alloc_workqueue(const char *fmt, unsigned int flags, int max_active,
			   ...);
void cifs_kunit_destroy_workqueue(struct workqueue_struct *wq);
#ifdef CONFIG_CIFS_KUNIT_NETFS
ssize_t cifs_kunit_buffered_write(struct kiocb *iocb, struct iov_iter *from,
				  struct netfs_group *group);
#endif

#ifndef CIFS_KUNIT_NO_INTERPOSE
#undef alloc_workqueue
#define alloc_workqueue		cifs_kunit_alloc_workqueue
#undef destroy_workqueue
#define destroy_workqueue	cifs_kunit_destroy_workqueue
#define netfs_buffered_write_iter_locked	cifs_kunit_buffered_write
#endif

#endif /* _CIFS_KUNIT_INTERPOSE_H */
