// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_workqueue: the queues that init_cifs() makes, and what is
 * left of them when one cannot be made. Included by cifsfs.c.
 *
 * Each case takes the running client down with the real exit_cifs() and
 * leaves it up again. KUnit runs before .init.text is freed, and UML and x86
 * keep .exit.text of what is built in.
 */
#include <kunit/test.h>
#include "compat.h"

const struct super_operations *cifs_kunit_super_ops = &cifs_super_ops;

static int __ref cifs_kunit_init_cifs(void)
{
	return init_cifs();
}

static void __ref cifs_kunit_exit_cifs(void)
{
	exit_cifs();
}

/* Is the client there for mount(2)? */
static bool wq_registered(const char *name)
{
	struct file_system_type *type = get_fs_type(name);

	if (type)
		put_filesystem(type);
	return type;
}

/* Each queue that was made must have been destroyed, the last one first. */
static void wq_expect_unwound(struct kunit *test,
			      const struct cifs_kunit_wq_log *log)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, log->nr_destroyed, log->nr_made);
	for (i = 0; i < log->nr_made; i++) {
		unsigned int mirror = log->nr_made - 1 - i;

		KUNIT_EXPECT_PTR_EQ_MSG(test, log->destroyed[mirror],
					log->made[i].wq,
					"%s is not destroyed in its turn",
					log->made[i].name);
	}
}

/* The queues of a client that is up, learnt from one exit and init. */
static struct cifs_kunit_wq_log wq_usual;

static const void *wq_next(const void *prev, char *desc)
{
	unsigned long i = (unsigned long)prev;

	if (!prev) {
		memset(&wq_usual, 0, sizeof(wq_usual));
		cifs_kunit_exit_cifs();
		cifs_kunit_log_workqueues(&wq_usual);
		if (cifs_kunit_init_cifs())
			panic("cifs KUnit: init_cifs() fails with nothing amiss");
		cifs_kunit_log_workqueues(NULL);
	}
	if (i >= wq_usual.nr_made)
		return NULL;
	strscpy(desc, wq_usual.made[i].name, KUNIT_PARAM_DESC_SIZE);
	return (void *)(i + 1);
}

CIFS_KUNIT_GENERATOR(wq, wq_next);

static void init_fails(struct kunit *test)
{
	struct cifs_kunit_wq_log log = {
		.fail_at = (unsigned long)test->param_value,
	};
	int rc;

	cifs_kunit_exit_cifs();
	cifs_kunit_log_workqueues(&log);
	rc = cifs_kunit_init_cifs();
	cifs_kunit_log_workqueues(NULL);

	KUNIT_EXPECT_EQ(test, rc, -ENOMEM);
	KUNIT_EXPECT_EQ(test, log.nr_allocs, log.fail_at);
	KUNIT_EXPECT_STREQ(test, log.failed, wq_usual.made[log.fail_at - 1].name);
	KUNIT_EXPECT_EQ(test, log.nr_made, log.fail_at - 1);
	wq_expect_unwound(test, &log);
	KUNIT_EXPECT_FALSE(test, wq_registered("cifs"));
	KUNIT_EXPECT_FALSE(test, wq_registered("smb3"));

	if (rc)
		KUNIT_EXPECT_EQ(test, cifs_kunit_init_cifs(), 0);
	KUNIT_EXPECT_TRUE(test, wq_registered("cifs"));
}

static void exit_destroys_each_once(struct kunit *test)
{
	struct cifs_kunit_wq_log log = {};
	unsigned int i, j, times;

	cifs_kunit_exit_cifs();
	cifs_kunit_log_workqueues(&log);
	KUNIT_EXPECT_EQ(test, cifs_kunit_init_cifs(), 0);
	cifs_kunit_exit_cifs();
	cifs_kunit_log_workqueues(NULL);

	KUNIT_EXPECT_EQ(test, log.nr_destroyed, log.nr_made);
	for (i = 0; i < log.nr_made; i++) {
		for (times = 0, j = 0; j < log.nr_destroyed; j++)
			times += log.destroyed[j] == log.made[i].wq;
		KUNIT_EXPECT_EQ_MSG(test, times, 1, "%s", log.made[i].name);
	}
	KUNIT_EXPECT_FALSE(test, wq_registered("cifs"));
	KUNIT_EXPECT_FALSE(test, wq_registered("smb3"));

	KUNIT_EXPECT_EQ(test, cifs_kunit_init_cifs(), 0);
	KUNIT_EXPECT_TRUE(test, wq_registered("cifs"));
}

static struct kunit_case __refdata cifs_workqueue_cases[] = {
	KUNIT_CASE_PARAM(init_fails, wq_gen_params),
	KUNIT_CASE(exit_destroys_each_once),
	{}
};

static struct kunit_suite cifs_workqueue_suite = {
	.name = "cifs_workqueue",
	.test_cases = cifs_workqueue_cases,
};

kunit_test_suite(cifs_workqueue_suite);
