// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_workqueue: the queues that init_cifs() makes, and
 * exit_cifs() destroys. Included by cifsfs.c.
 *
 * Each case takes the running client down with the real exit_cifs() and
 * leaves it up again. KUnit runs before .init.text is freed, and UML and x86
 * keep .exit.text of what is built in.
 */
#include <kunit/test.h>
#include "compat.h"
#include "cifs_fixture.h"

const struct super_operations *cifs_kunit_super_ops = &cifs_super_ops;

/**
 * cifs_kunit_init_cifs() - init_cifs(), of a client that is down
 *
 * May sleep.
 *
 * Return: as init_cifs().
 */
int __ref cifs_kunit_init_cifs(void)
{
	cifs_kunit_client_comes_up();
	return init_cifs();
}

/**
 * cifs_kunit_exit_cifs() - exit_cifs(), of a client that is up
 *
 * With no ledger open, what it leaves behind is unmade as well.
 *
 * May sleep.
 */
void __ref cifs_kunit_exit_cifs(void)
{
	exit_cifs();
	cifs_kunit_client_is_down();
}

/**
 * cifs_kunit_shrink_inode_cache() - have SLUB look at freed inodes
 *
 * It complains of what was written to them since. The client is up. May sleep.
 */
void cifs_kunit_shrink_inode_cache(void)
{
	kmem_cache_shrink(cifs_inode_cachep);
}

/* Is the client there for mount(2)? */
static bool wq_registered(const char *name)
{
	struct file_system_type *type = get_fs_type(name);

	if (type)
		put_filesystem(type);
	return type;
}

static void exit_destroys_each_once(struct kunit *test)
{
	struct cifs_kunit_ledger *ledger;
	unsigned int i;

	ledger = kunit_kzalloc(test, sizeof(*ledger), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ledger);
	cifs_kunit_exit_cifs();
	cifs_kunit_open_ledger(ledger);
	KUNIT_EXPECT_EQ(test, cifs_kunit_init_cifs(), 0);
	cifs_kunit_exit_cifs();
	cifs_kunit_close_ledger();

	KUNIT_EXPECT_EQ_MSG(test, ledger->nr_wrong, 0, "%s", ledger->wrong);
	for (i = 0; i < ledger->nr_steps; i++) {
		if (ledger->steps[i].kind == CIFS_KUNIT_QUEUE)
			KUNIT_EXPECT_GT_MSG(test, ledger->steps[i].unmade, 0, "%s",
					    ledger->steps[i].name);
	}
	KUNIT_EXPECT_FALSE(test, wq_registered("cifs"));
	KUNIT_EXPECT_FALSE(test, wq_registered("smb3"));

	cifs_kunit_unmake_rest(ledger);
	KUNIT_EXPECT_EQ(test, cifs_kunit_init_cifs(), 0);
	KUNIT_EXPECT_TRUE(test, wq_registered("cifs"));
}

static struct kunit_case cifs_workqueue_cases[] = {
	KUNIT_CASE(exit_destroys_each_once),
	{}
};

static struct kunit_suite cifs_workqueue_suite = {
	.name = "cifs_workqueue",
	.test_cases = cifs_workqueue_cases,
};

kunit_test_suite(cifs_workqueue_suite);
