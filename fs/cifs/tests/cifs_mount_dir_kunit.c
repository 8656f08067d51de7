// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite cifs_mount_dir: cached directories, and compounds.
 *
 * A directory with a lease stays open, and is not asked for again, until the
 * server breaks the lease or the connection is lost. Most else that is done by
 * a path is one compound, of which the server may refuse any part.
 */
#include <linux/fcntl.h>
#include <linux/kallsyms.h>
#include <linux/workqueue.h>
#include "cifs_mount.h"
#include "cifsglob.h"
#include "smb2pdu.h"
#include "smb2status.h"

/* Directories. */

static const struct cifs_srv_options cifs_dir_leases = { .leases = true, .dir_leases = true };

static struct cifs_srv *cifs_dir_server(struct kunit *test)
{
	struct cifs_srv *srv = cifs_mnt_server(test, &cifs_dir_leases);

	KUNIT_ASSERT_EQ(test, cifs_srv_create(srv, "dir", true, NULL, 0), 0);
	KUNIT_ASSERT_EQ(test, cifs_srv_create(srv, "dir\\file", false, NULL, 0), 0);
	return srv;
}

/* How often it opens the directory at the server to list it. */
static unsigned int cifs_dir_list(struct kunit *test, struct cifs_mnt *m)
{
	unsigned int seen = cifs_srv_seen(m->srv, SMB2_CREATE_HE);
	char names[16];

	KUNIT_EXPECT_EQ(test, cifs_mnt_readdir(m, "dir", names, sizeof(names)), 1);
	KUNIT_EXPECT_STREQ(test, names, "file");
	return cifs_srv_seen(m->srv, SMB2_CREATE_HE) - seen;
}

/* The directory is closed at the server, if need be in a moment. */
static void cifs_dir_wait_closed(struct kunit *test, struct cifs_srv *srv)
{
	unsigned long end = jiffies + 20 * HZ;

	while (cifs_srv_handles_of(srv, "dir") && time_before(jiffies, end))
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles_of(srv, "dir"), 0);
}

static void cifs_dir_stays_open(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	unsigned int seen;

	KUNIT_EXPECT_GT(test, cifs_dir_list(test, m), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles_of(srv, "dir"), 1);
	seen = cifs_srv_seen(srv, CIFS_SRV_ANY);
	KUNIT_EXPECT_EQ(test, cifs_dir_list(test, m), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, CIFS_SRV_ANY), seen);
}

/* Whatever the time that attributes are cached for. */
static void cifs_dir_attributes_stay(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "actimeo=0");
	unsigned int seen;

	cifs_mnt_readdir(m, "", NULL, 0);
	cifs_dir_list(test, m);
	/* what is known from now on is newer than the lease */
	schedule_timeout_uninterruptible(2);
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "dir/file", NULL), 0);
	seen = cifs_srv_seen(srv, SMB2_CREATE_HE);
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "dir/file", NULL), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_seen(srv, SMB2_CREATE_HE), seen);
}

struct cifs_dir_uncached {
	const char *name;
	const char *mount;
	struct cifs_srv_options server;
};

static const struct cifs_dir_uncached cifs_dir_uncacheds[] = {
	{ "nohandlecache", "nohandlecache", { .leases = true, .dir_leases = true } },
	{ "no leases of directories", NULL, { .leases = true } },
	{ "2.1", "vers=2.1", { .leases = true, .dir_leases = true } },
};

static void cifs_dir_uncached_desc(const struct cifs_dir_uncached *uncached, char *desc)
{
	strscpy(desc, uncached->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_dir_uncached, cifs_dir_uncacheds, cifs_dir_uncached_desc);

static void cifs_dir_is_closed(struct kunit *test)
{
	const struct cifs_dir_uncached *uncached = test->param_value;
	struct cifs_srv *srv = cifs_mnt_server(test, &uncached->server);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, uncached->mount);

	cifs_srv_create(srv, "dir", true, NULL, 0);
	cifs_srv_create(srv, "dir\\file", false, NULL, 0);
	KUNIT_EXPECT_GT(test, cifs_dir_list(test, m), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(srv), 0);
	KUNIT_EXPECT_GT(test, cifs_dir_list(test, m), 0);
}

/* The server has leases, but none for this open. */
static void cifs_dir_lease_not_granted(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);

	cifs_srv_grant(srv, CIFS_SRV_NONE);
	KUNIT_EXPECT_GT(test, cifs_dir_list(test, m), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles_of(srv, "dir"), 0);
	KUNIT_EXPECT_GT(test, cifs_dir_list(test, m), 0);
}

static void cifs_dir_break_closes(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);

	cifs_dir_list(test, m);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "dir", CIFS_SRV_NONE), 1);
	cifs_dir_wait_closed(test, srv);
	KUNIT_EXPECT_GT(test, cifs_dir_list(test, m), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles_of(srv, "dir"), 1);
}

/* The lease of a directory that has been opened later stays. */
static void cifs_dir_break_of_older(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);

	cifs_srv_create(srv, "other", true, NULL, 0);
	cifs_dir_list(test, m);
	KUNIT_EXPECT_EQ(test, cifs_mnt_readdir(m, "other", NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "dir", CIFS_SRV_NONE), 1);
	cifs_dir_wait_closed(test, srv);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles_of(srv, "other"), 1);
}

/* What the break tells of is seen by who lists the directory next. */
static void cifs_dir_break_shows_change(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	char names[16];

	cifs_dir_list(test, m);
	cifs_srv_create(srv, "dir\\new", false, NULL, 0);
	cifs_srv_break(srv, "dir", CIFS_SRV_NONE);
	cifs_dir_wait_closed(test, srv);
	KUNIT_EXPECT_EQ(test, cifs_mnt_readdir(m, "dir", names, sizeof(names)), 2);
	KUNIT_EXPECT_STREQ(test, names, "file new");
}

/* The break is there before the answer to the open that it is about. */

/**
 * struct cifs_dir_opening - how the open of a directory ends
 * @name: of that
 * @broken: the lease is broken meanwhile
 * @rule: for the QUERY_INFO in the same compound
 */
struct cifs_dir_opening {
	const char *name;
	bool broken;
	struct cifs_srv_rule rule;
};

static const struct cifs_dir_opening cifs_dir_openings[] = {
	{ "answered", false, { SMB2_QUERY_INFO_HE, .pending = false } },
	{ "answered, broken", true, { SMB2_QUERY_INFO_HE, .pending = false } },
	{ "pending", false, { SMB2_QUERY_INFO_HE, .pending = true } },
	{ "pending, broken", true, { SMB2_QUERY_INFO_HE, .pending = true } },
	{ "refused", false, { SMB2_QUERY_INFO_HE, .status = STATUS_ACCESS_DENIED } },
	{ "refused, broken", true, { SMB2_QUERY_INFO_HE, .status = STATUS_ACCESS_DENIED } },
	{ "pending, refused", false,
	  { SMB2_QUERY_INFO_HE, .pending = true, .status = STATUS_ACCESS_DENIED } },
	{ "pending, refused, broken", true,
	  { SMB2_QUERY_INFO_HE, .pending = true, .status = STATUS_ACCESS_DENIED } },
	{ "no resources", false, { SMB2_QUERY_INFO_HE, .status = STATUS_INSUFFICIENT_RESOURCES } },
	{ "no resources, broken", true,
	  { SMB2_QUERY_INFO_HE, .status = STATUS_INSUFFICIENT_RESOURCES } },
	{ "cut", false, { SMB2_QUERY_INFO_HE, .action = CIFS_SRV_CUT_BEFORE } },
	{ "cut, broken", true, { SMB2_QUERY_INFO_HE, .action = CIFS_SRV_CUT_BEFORE } },
	{ "done and cut", false, { SMB2_QUERY_INFO_HE, .action = CIFS_SRV_CUT_AFTER } },
	{ "done and cut, broken", true, { SMB2_QUERY_INFO_HE, .action = CIFS_SRV_CUT_AFTER } },
	{ "answered and cut", false, { SMB2_QUERY_INFO_HE, .action = CIFS_SRV_CUT_ANSWERED } },
	{ "answered and cut, broken", true,
	  { SMB2_QUERY_INFO_HE, .action = CIFS_SRV_CUT_ANSWERED } },
	{ "share deleted", false, { SMB2_QUERY_INFO_HE, .status = STATUS_NETWORK_NAME_DELETED } },
	{ "share deleted, broken", true,
	  { SMB2_QUERY_INFO_HE, .status = STATUS_NETWORK_NAME_DELETED } },
};

static void cifs_dir_opening_desc(const struct cifs_dir_opening *opening, char *desc)
{
	strscpy(desc, opening->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_dir_opening, cifs_dir_openings, cifs_dir_opening_desc);

static void cifs_dir_opened(struct kunit *test)
{
	const struct cifs_dir_opening *opening = test->param_value;
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "hard");
	struct cifs_srv_rule rule = opening->rule;

	/* the lookup of the directory has a QUERY_INFO of its own */
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "dir", NULL), 0);
	cifs_mnt_expect_stale(test);
	rule.break_first = opening->broken;
	cifs_srv_on(srv, &rule);
	cifs_mnt_readdir(m, "dir", NULL, 0);
	cifs_srv_clear_rules(srv);
	cifs_dir_list(test, m);
	cifs_srv_break(srv, "dir", CIFS_SRV_NONE);
	cifs_dir_wait_closed(test, srv);
}

/* Another user, who finds the root half open, does without it. */
static void cifs_dir_not_used_while_opened(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	struct cifs_mnt_task *other = cifs_mnt_task(test, "other");

	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_QUERY_INFO_HE, .action = CIFS_SRV_HOLD });
	cifs_mnt_start_statfs(m->user, m);
	cifs_srv_wait_held(srv, SMB2_QUERY_INFO_HE, 1);
	cifs_mnt_start_statfs(other, m);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(other), 0L);
	KUNIT_EXPECT_EQ(test, cifs_srv_release(srv, SMB2_QUERY_INFO_HE), 1);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 0L);
}

/* The server opens the directory nevertheless. */
static void cifs_dir_open_killed(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);

	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "dir", NULL), 0);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_QUERY_INFO_HE, .action = CIFS_SRV_HOLD });
	cifs_mnt_start_readdir(m->user, m, "dir");
	cifs_srv_wait_held(srv, SMB2_QUERY_INFO_HE, 1);
	KUNIT_EXPECT_TRUE(test, cifs_mnt_wait_asleep(m->user, "wait_for_response"));
	cifs_mnt_kill(m->user);
	KUNIT_EXPECT_LT(test, cifs_mnt_finish(m->user), 0L);
	cifs_srv_release(srv, SMB2_QUERY_INFO_HE);
	cifs_dir_wait_closed(test, srv);
}

/* The break is still queued, as in a freeze, when the open has failed. */
static void cifs_dir_open_fails_behind_break(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);

	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "dir", NULL), 0);
	cifs_srv_on(srv, &(struct cifs_srv_rule){
		.command = SMB2_QUERY_INFO_HE, .break_first = true,
		.status = STATUS_ACCESS_DENIED });
	freeze_workqueues_begin();
	cifs_mnt_readdir(m, "dir", NULL, 0);
	thaw_workqueues();
	cifs_dir_list(test, m);
	cifs_srv_break(srv, "dir", CIFS_SRV_NONE);
	cifs_dir_wait_closed(test, srv);
}

/* Lists a directory, for whose contents the server takes time. */
static void cifs_dir_start_list(struct kunit *test, struct cifs_mnt *m)
{
	cifs_srv_on(m->srv, &(struct cifs_srv_rule){
		.command = SMB2_QUERY_DIRECTORY_HE, .action = CIFS_SRV_HOLD });
	cifs_mnt_start_readdir(m->user, m, "dir");
	cifs_srv_wait_held(m->srv, SMB2_QUERY_DIRECTORY_HE, 1);
}

static void cifs_dir_broken_in_use(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);

	cifs_dir_start_list(test, m);
	KUNIT_EXPECT_EQ(test, cifs_srv_break(srv, "dir", CIFS_SRV_NONE), 1);
	KUNIT_EXPECT_EQ(test, cifs_srv_release(srv, SMB2_QUERY_DIRECTORY_HE), 1);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 1L);
	/* it may have been opened again for the rest */
	cifs_srv_break(srv, "dir", CIFS_SRV_NONE);
	cifs_dir_wait_closed(test, srv);
}

static void cifs_dir_removed_while_cached(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);

	cifs_dir_list(test, m);
	KUNIT_EXPECT_EQ(test, cifs_mnt_unlink(m, "dir/file"), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_rmdir(m, "dir"), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles_of(srv, "dir"), 0);
	KUNIT_EXPECT_FALSE(test, cifs_srv_exists(srv, "dir"));
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "dir", NULL), -ENOENT);
}

static void cifs_dir_renamed_while_cached(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);
	char names[16];

	cifs_dir_list(test, m);
	KUNIT_EXPECT_EQ(test, cifs_mnt_rename(m, "dir", "moved"), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles_of(srv, "moved"), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_readdir(m, "moved", names, sizeof(names)), 1);
	KUNIT_EXPECT_STREQ(test, names, "file");
	KUNIT_EXPECT_LT(test, cifs_mnt_readdir(m, "dir", NULL, 0), 0);
}

/* At umount. */

/* Each request of the umount, and what comes before it is answered. */
static const struct cifs_srv_rule cifs_dir_ends[] = {
	{ SMB2_CLOSE_HE, .break_first = true },
	{ SMB2_TREE_DISCONNECT_HE, .break_first = true },
	{ SMB2_LOGOFF_HE, .break_first = true },
	{ SMB2_TREE_DISCONNECT_HE, .break_first = true, .action = CIFS_SRV_CUT_BEFORE },
	{ SMB2_TREE_DISCONNECT_HE, .break_first = true, .action = CIFS_SRV_CUT_ANSWERED },
	{ SMB2_LOGOFF_HE, .action = CIFS_SRV_CUT_BEFORE },
};

static void cifs_dir_end_desc(const struct cifs_srv_rule *rule, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "command %u, action %u%s", rule->command,
		 rule->action, rule->break_first ? ", broken" : "");
}

KUNIT_ARRAY_PARAM(cifs_dir_end, cifs_dir_ends, cifs_dir_end_desc);

static void cifs_dir_umount(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, NULL);

	cifs_mnt_expect_stale(test);
	cifs_dir_list(test, m);
	cifs_srv_on(srv, test->param_value);
	cifs_mnt_umount(m);
}

/* The connection. */

static void cifs_dir_reconnects(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "hard");
	struct kstatfs statfs;

	cifs_dir_list(test, m);
	cifs_srv_cut(srv);
	KUNIT_EXPECT_TRUE(test, cifs_srv_wait_seen(srv, SMB2_NEGOTIATE_HE, 2));
	while (cifs_mnt_statfs(m, &statfs) == -EAGAIN)
		;
	KUNIT_EXPECT_GT(test, cifs_dir_list(test, m), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles_of(srv, "dir"), 1);
	KUNIT_EXPECT_EQ(test, cifs_dir_list(test, m), 0);
}

static void cifs_dir_reconnects_in_use(struct kunit *test)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *m = cifs_mnt_mount(test, srv, "hard");

	cifs_mnt_expect_stale(test);
	cifs_dir_start_list(test, m);
	cifs_srv_cut(srv);
	KUNIT_EXPECT_EQ(test, cifs_mnt_finish(m->user), 1L);
	cifs_dir_list(test, m);
}

/* Two mounts. */

static void cifs_dir_two_mounts(struct kunit *test, const char *second, unsigned int handles)
{
	struct cifs_srv *srv = cifs_dir_server(test);
	struct cifs_mnt *a = cifs_mnt_mount(test, srv, NULL);
	struct cifs_mnt *b = cifs_mnt_mount(test, srv, second);

	cifs_dir_list(test, a);
	cifs_dir_list(test, b);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles_of(srv, "dir"), handles);
	cifs_mnt_umount(a);
	cifs_dir_list(test, b);
	cifs_srv_break(srv, "dir", CIFS_SRV_NONE);
	cifs_dir_wait_closed(test, srv);
	cifs_dir_list(test, b);
}

static void cifs_dir_two_mounts_of_tree(struct kunit *test)
{
	cifs_dir_two_mounts(test, "actimeo=0", 1);
}

static void cifs_dir_two_connections(struct kunit *test)
{
	cifs_dir_two_mounts(test, "nosharesock", 2);
}

static void cifs_dir_is_given_up_in_time(struct kunit *test)
{
	unsigned int *timeout = (void *)kallsyms_lookup_name("dir_cache_timeout");
	unsigned int old;
	struct cifs_srv *srv;
	struct cifs_mnt *m;

	if (!timeout)
		kunit_skip(test, "directories stay cached for any time");
	old = *timeout;
	*timeout = 1;
	srv = cifs_dir_server(test);
	m = cifs_mnt_mount(test, srv, NULL);
	cifs_dir_list(test, m);
	cifs_dir_wait_closed(test, srv);
	KUNIT_EXPECT_GT(test, cifs_dir_list(test, m), 0);
	*timeout = old;
}

/* Compounds. */

/**
 * struct cifs_dir_compound - an operation that is a compound
 * @name: of the operation
 * @run: it
 * @part: the part that is refused
 * @other_way: some clients do it in another way then
 */
struct cifs_dir_compound {
	const char *name;
	int (*run)(struct cifs_mnt *m);
	u16 part;
	bool other_way;
};

static int cifs_dir_stat(struct cifs_mnt *m)
{
	return cifs_mnt_stat(m, "file", NULL);
}

static int cifs_dir_statfs(struct cifs_mnt *m)
{
	struct kstatfs statfs;

	return cifs_mnt_statfs(m, &statfs);
}

static int cifs_dir_mkdir(struct cifs_mnt *m)
{
	return cifs_mnt_mkdir(m, "new");
}

static int cifs_dir_rmdir(struct cifs_mnt *m)
{
	return cifs_mnt_rmdir(m, "empty");
}

static int cifs_dir_unlink(struct cifs_mnt *m)
{
	return cifs_mnt_unlink(m, "file");
}

static int cifs_dir_rename(struct cifs_mnt *m)
{
	return cifs_mnt_rename(m, "file", "moved");
}

static int cifs_dir_truncate(struct cifs_mnt *m)
{
	return cifs_mnt_truncate(m, "file", 1);
}

static int cifs_dir_readdir(struct cifs_mnt *m)
{
	return min(cifs_mnt_readdir(m, "empty", NULL, 0), 0);
}

static const struct cifs_dir_compound cifs_dir_compounds[] = {
	{ "stat, CREATE", cifs_dir_stat, SMB2_CREATE_HE },
	{ "stat, QUERY_INFO", cifs_dir_stat, SMB2_QUERY_INFO_HE, .other_way = true },
	{ "statfs, CREATE", cifs_dir_statfs, SMB2_CREATE_HE },
	{ "statfs, QUERY_INFO", cifs_dir_statfs, SMB2_QUERY_INFO_HE },
	{ "mkdir, CREATE", cifs_dir_mkdir, SMB2_CREATE_HE },
	{ "rmdir, CREATE", cifs_dir_rmdir, SMB2_CREATE_HE },
	{ "rmdir, SET_INFO", cifs_dir_rmdir, SMB2_SET_INFO_HE },
	{ "unlink, CREATE", cifs_dir_unlink, SMB2_CREATE_HE },
	{ "rename, CREATE", cifs_dir_rename, SMB2_CREATE_HE },
	{ "rename, SET_INFO", cifs_dir_rename, SMB2_SET_INFO_HE },
	{ "truncate, CREATE", cifs_dir_truncate, SMB2_CREATE_HE },
	{ "truncate, SET_INFO", cifs_dir_truncate, SMB2_SET_INFO_HE },
	{ "readdir, CREATE", cifs_dir_readdir, SMB2_CREATE_HE },
	{ "readdir, QUERY_DIRECTORY", cifs_dir_readdir, SMB2_QUERY_DIRECTORY_HE },
};

static void cifs_dir_compound_desc(const struct cifs_dir_compound *compound, char *desc)
{
	strscpy(desc, compound->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cifs_dir_compound, cifs_dir_compounds, cifs_dir_compound_desc);

/* All names are known to the client, and nothing is open. */
static struct cifs_mnt *cifs_dir_compound_mount(struct kunit *test, const char *options)
{
	const struct cifs_dir_compound *compound = test->param_value;
	struct cifs_srv *srv;
	struct cifs_mnt *m;

	if (compound)
		cifs_mnt_sample(test, compound - cifs_dir_compounds, 3);
	srv = cifs_mnt_server(test, NULL);
	m = cifs_mnt_mount(test, srv, options);
	cifs_srv_create(srv, "file", false, "data", 4);
	cifs_srv_create(srv, "empty", true, NULL, 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "file", NULL), 0);
	KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "empty", NULL), 0);
	return m;
}

static void cifs_dir_expect_refused(struct kunit *test, struct cifs_mnt *m)
{
	const struct cifs_dir_compound *compound = test->param_value;
	int rc = compound->run(m);

	if (!compound->other_way || rc)
		KUNIT_EXPECT_EQ(test, rc, -EACCES);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(m->srv), 0);
}

static void cifs_dir_part_refused(struct kunit *test)
{
	const struct cifs_dir_compound *compound = test->param_value;
	struct cifs_mnt *m = cifs_dir_compound_mount(test, "actimeo=0");

	cifs_srv_on(m->srv, &(struct cifs_srv_rule){
		.command = compound->part, .count = U32_MAX, .status = STATUS_ACCESS_DENIED });
	cifs_dir_expect_refused(test, m);
	cifs_srv_clear_rules(m->srv);
	KUNIT_EXPECT_EQ(test, compound->run(m), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(m->srv), 0);
}

static void cifs_dir_part_pending(struct kunit *test)
{
	const struct cifs_dir_compound *compound = test->param_value;
	struct cifs_mnt *m = cifs_dir_compound_mount(test, "actimeo=0");

	cifs_srv_on(m->srv, &(struct cifs_srv_rule){
		.command = compound->part, .count = U32_MAX, .pending = true });
	KUNIT_EXPECT_EQ(test, compound->run(m), 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(m->srv), 0);
}

static void cifs_dir_part_pending_and_refused(struct kunit *test)
{
	const struct cifs_dir_compound *compound = test->param_value;
	struct cifs_mnt *m = cifs_dir_compound_mount(test, "actimeo=0");

	cifs_srv_on(m->srv, &(struct cifs_srv_rule){
		.command = compound->part, .count = U32_MAX, .pending = true,
		.status = STATUS_ACCESS_DENIED });
	cifs_dir_expect_refused(test, m);
}

/* The operation may fail, but the mount goes on. */
static void cifs_dir_part_cut(struct kunit *test)
{
	const struct cifs_dir_compound *compound = test->param_value;
	struct cifs_mnt *m = cifs_dir_compound_mount(test, "soft,actimeo=0");
	int i, rc = -EAGAIN;

	cifs_mnt_expect_stale(test);
	cifs_srv_on(m->srv, &(struct cifs_srv_rule){
		.command = compound->part, .action = CIFS_SRV_CUT_BEFORE });
	compound->run(m);
	for (i = 0; i < 10 && (rc == -EAGAIN || rc == -EHOSTDOWN); i++)
		rc = cifs_dir_statfs(m);
	KUNIT_EXPECT_EQ(test, rc, 0);
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(m->srv), 0);
}

static void cifs_dir_part_killed(struct kunit *test)
{
	struct cifs_mnt *m = cifs_dir_compound_mount(test, "actimeo=0");
	const struct cifs_srv_rule rules[] = {
		{ SMB2_CREATE_HE, .action = CIFS_SRV_HOLD },
		{ SMB2_QUERY_INFO_HE, .action = CIFS_SRV_HOLD },
		{ SMB2_CLOSE_HE, .action = CIFS_SRV_HOLD },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		cifs_srv_on(m->srv, &rules[i]);
		cifs_mnt_start_stat(m->user, m, "file");
		cifs_srv_wait_held(m->srv, rules[i].command, 1);
		KUNIT_EXPECT_TRUE(test, cifs_mnt_wait_asleep(m->user, "wait_for_response"));
		cifs_mnt_kill(m->user);
		KUNIT_EXPECT_LT(test, cifs_mnt_finish(m->user), 0L);
		cifs_srv_release(m->srv, rules[i].command);
		KUNIT_EXPECT_EQ(test, cifs_mnt_stat(m, "file", NULL), 0);
	}
	KUNIT_EXPECT_EQ(test, cifs_srv_handles(m->srv), 0);
}

static struct kunit_case cifs_mount_dir_cases[] = {
	KUNIT_CASE(cifs_dir_stays_open),
	KUNIT_CASE(cifs_dir_attributes_stay),
	KUNIT_CASE_PARAM(cifs_dir_is_closed, cifs_dir_uncached_gen_params),
	KUNIT_CASE(cifs_dir_lease_not_granted),
	KUNIT_CASE(cifs_dir_break_closes),
	KUNIT_CASE(cifs_dir_break_of_older),
	KUNIT_CASE(cifs_dir_break_shows_change),
	KUNIT_CASE_PARAM(cifs_dir_opened, cifs_dir_opening_gen_params),
	KUNIT_CASE(cifs_dir_not_used_while_opened),
	KUNIT_CASE(cifs_dir_open_killed),
	KUNIT_CASE(cifs_dir_open_fails_behind_break),
	KUNIT_CASE(cifs_dir_broken_in_use),
	KUNIT_CASE(cifs_dir_removed_while_cached),
	KUNIT_CASE(cifs_dir_renamed_while_cached),
	KUNIT_CASE_PARAM(cifs_dir_umount, cifs_dir_end_gen_params),
	KUNIT_CASE(cifs_dir_reconnects),
	KUNIT_CASE(cifs_dir_reconnects_in_use),
	KUNIT_CASE(cifs_dir_two_mounts_of_tree),
	KUNIT_CASE(cifs_dir_two_connections),
	KUNIT_CASE(cifs_dir_is_given_up_in_time),
	KUNIT_CASE_PARAM(cifs_dir_part_refused, cifs_dir_compound_gen_params),
	KUNIT_CASE_PARAM(cifs_dir_part_pending, cifs_dir_compound_gen_params),
	KUNIT_CASE_PARAM(cifs_dir_part_pending_and_refused, cifs_dir_compound_gen_params),
	KUNIT_CASE_PARAM(cifs_dir_part_cut, cifs_dir_compound_gen_params),
	KUNIT_CASE(cifs_dir_part_killed),
	{}
};

static struct kunit_suite cifs_mount_dir_suite = {
	.name = "cifs_mount_dir",
	.init = cifs_mnt_init_deferring,
	.exit = cifs_mnt_exit,
	.test_cases = cifs_mount_dir_cases,
};

kunit_test_suite(cifs_mount_dir_suite);
