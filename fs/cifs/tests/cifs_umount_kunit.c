// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_umount: cifs_kill_sb() with puts on every way to their end.
 *
 * The dentries and inodes that it lets go must be held by nobody, and nothing
 * may be done for the mount once it is gone.
 */
#include <linux/kallsyms.h>
#include <linux/slab.h>
#include "cifsglob.h"
#include "cifsproto.h"
#include "cifs_fixture.h"
#include "cifs_stages.h"
#include "compat.h"

CIFS_KUNIT_GENERATOR(stage, cifs_kunit_stage_params);

static void umount_waits(struct kunit *test)
{
	const struct cifs_kunit_stage *stage = test->param_value;
	struct cifs_fixture *fx = test->priv;
	struct cifs_kunit_put *put;

	cifs_kunit_stage_need(test, stage);
	fx->on_busy = cifs_kunit_stage_go_on;
	put = cifs_kunit_stage_enter(fx, stage);
	cifs_kunit_umount_start(fx, stage->last);
	cifs_kunit_stage_leave(put);
	cifs_kunit_umount_end(fx);
	cancel_delayed_work_sync(&put->answer);
	KUNIT_EXPECT_NULL(test, fx->on_flush);
}

#ifdef CONFIG_CIFS_KUNIT_DIR_LEASE

#include "cached_dir.h"

static u8 lease_key[SMB2_LEASE_KEY_SIZE] = { 'd', 'i', 'r' };

/* As open_cached_dir() leaves it, but for the server handle. */
static void *cache_dir(struct cifs_fixture *fx, struct dentry *dentry)
{
	struct cached_fids *cfids = fx->tcon->cfids;
	struct cached_fid *cfid = kzalloc(sizeof(*cfid), GFP_KERNEL);
	unsigned long lease_break = kallsyms_lookup_name("smb2_cached_lease_break");

	KUNIT_ASSERT_NE(fx->test, lease_break, 0);
	KUNIT_ASSERT_NOT_NULL(fx->test, cfid);
	INIT_WORK(&cfid->lease_break, (work_func_t)lease_break);
	INIT_LIST_HEAD(&cfid->dirents.entries);
	mutex_init(&cfid->dirents.de_mutex);
	spin_lock_init(&cfid->fid_lock);
	kref_init(&cfid->refcount);
	cfid->cfids = cfids;
	cfid->tcon = fx->tcon;
	cfid->dentry = dget(dentry);
	cfid->has_lease = true;
	cfid->on_list = true;
	memcpy(cfid->fid.lease_key, lease_key, sizeof(lease_key));
	spin_lock(&cfids->cfid_list_lock);
	list_add(&cfid->entry, &cfids->entries);
	cfids->num_entries++;
	spin_unlock(&cfids->cfid_list_lock);
	return cfid;
}

static bool dir_has_dentry(struct cifs_fixture *fx)
{
	struct cached_fid *cfid = fx->hook_data;

	return cfid->dentry;
}

static void put_dentry_of_dir(struct cifs_fixture *fx)
{
	struct cached_fid *cfid = fx->hook_data;

	dput(cfid->dentry);
	cfid->dentry = NULL;
}

static void break_lease_of_dir(struct cifs_fixture *fx)
{
	KUNIT_EXPECT_TRUE(fx->test, cached_dir_lease_break(fx->tcon, lease_key));
}

/* Other keys, directories without a lease, and tcons that keep none open. */
static void expect_no_lease(struct cifs_fixture *fx)
{
	static u8 other_key[SMB2_LEASE_KEY_SIZE] = { 'o', 't', 'h', 'e', 'r' };
	struct cached_fids *cfids = fx->tcon->cfids;
	struct cached_fid *cfid = list_first_entry(&cfids->entries,
						   struct cached_fid, entry);

	KUNIT_EXPECT_FALSE(fx->test, cached_dir_lease_break(fx->tcon, other_key));
	cfid->has_lease = false;
	KUNIT_EXPECT_FALSE(fx->test, cached_dir_lease_break(fx->tcon, lease_key));
	cfid->has_lease = true;
	fx->tcon->cfids = NULL;
	KUNIT_EXPECT_FALSE(fx->test, cached_dir_lease_break(fx->tcon, lease_key));
	fx->tcon->cfids = cfids;
}

#else

static void expect_no_lease(struct cifs_fixture *fx)
{
}

static void *cache_dir(struct cifs_fixture *fx, struct dentry *dentry)
{
	return NULL;
}

static bool dir_has_dentry(struct cifs_fixture *fx)
{
	return false;
}

static void put_dentry_of_dir(struct cifs_fixture *fx)
{
}

static void break_lease_of_dir(struct cifs_fixture *fx)
{
}

#endif /* CONFIG_CIFS_KUNIT_DIR_LEASE */

static void finish_lease_break(struct cifs_fixture *fx)
{
	flush_workqueue(cifsoplockd_wq);
	flush_workqueue(cifsiod_wq);
}

/* It is off the list already: only its work can drop its dentry. */
static void umount_waits_for_lease_break(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;

	cifs_kunit_need_dir_lease(test);
	fx->on_busy = finish_lease_break;
	cifs_kunit_watch(fx, cache_dir(fx, cifs_kunit_create(fx, "dir")),
			 "cached directory");
	expect_no_lease(fx);
	cifs_kunit_umount_start(fx, break_lease_of_dir);
	cifs_kunit_umount_end(fx);
}

/* One that is on the list stays there without its dentry. */
static void umount_lets_go_of_cached_dir(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;

	cifs_kunit_need_dir_lease(test);
	fx->hook_data = cache_dir(fx, cifs_kunit_create(fx, "dir"));
	fx->is_busy = dir_has_dentry;
	fx->on_busy = put_dentry_of_dir;
	cifs_kunit_umount_start(fx, NULL);
	cifs_kunit_umount_end(fx);
}

/* A mount that has failed before it had its root. */
static void umount_without_root(struct kunit *test)
{
	struct cifs_fixture *fx = test->priv;

	cifs_kunit_set_root(fx->cifs_sb, NULL);
	cifs_kunit_umount_start(fx, NULL);
	cifs_kunit_umount_end(fx);
}

static struct kunit_case cifs_umount_cases[] = {
	KUNIT_CASE_PARAM(umount_waits, stage_gen_params),
	KUNIT_CASE(umount_waits_for_lease_break),
	KUNIT_CASE(umount_lets_go_of_cached_dir),
	KUNIT_CASE(umount_without_root),
	{}
};

static struct kunit_suite cifs_umount_suite = {
	.name = "cifs_umount",
	.init = cifs_fixture_init,
	.exit = cifs_fixture_exit,
	.test_cases = cifs_umount_cases,
};

kunit_test_suite(cifs_umount_suite);
